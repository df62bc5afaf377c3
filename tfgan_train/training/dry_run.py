"""--dry_run: the resolved config, both networks' layers and costs, the data's facts."""

import dataclasses
from collections.abc import Collection

import tensorflow as tf

from tfgan_train.common.numbers import duration, number
from tfgan_train.config.advice import Images, advise
from tfgan_train.config.fields import FIELDS, Config
from tfgan_train.training import start
from tfgan_train.training.gan import Gan
from tfgan_train.training.step_flops import step_flops
from tfgan_train.training.step_time import seconds_per_step


def describe(config: Config, given: Collection[str], fresh: bool) -> str:
    """The text that --dry_run prints; nothing is written. A few steps are taken, for their time."""
    prepared = start.prepare(config, given, fresh)
    config, data = prepared.config, prepared.data
    with prepared.strategy.scope():
        gan = Gan(config, data, prepared.objective)
    height, width, channels = data.image_shape
    lines = [
        f"run directory: {prepared.run.path} ({'resumed' if prepared.resumes else 'new'})",
        f"data: {data.name}, {data.count:,} images of {height}x{width}x{channels}"
        + (
            f", {data.condition_size} {'attributes' if data.attributes else 'labels'}"
            if data.condition_size
            else ", no labels"
        ),
        *(f"  note: {note}" for note in data.notes),
        *(f"  skipped: {file}: {reason}" for file, reason in data.skipped),
        "",
    ]
    lines += ["config:", *_config_lines(config), ""]
    for network in (gan.generator, gan.discriminator, *gan.heads.values()):
        lines += [*layer_table(network), ""]
    flops = step_flops(config, gan.generator, gan.discriminator, prepared.objective)
    lines.append(
        f"one step of {config.batch_size} images: about {flops * config.batch_size / 1e9:.2f} GFLOP "
        f"({flops / 1e6:.1f} MFLOP an image); "
        f"{config.steps:,} steps: {flops * config.batch_size * config.steps / 1e12:.1f} TFLOP"
    )
    seconds = seconds_per_step(prepared, gan)
    lines.append(
        f"measured here and now: {number(1000 * seconds)} ms a step; {config.steps:,} steps take about "
        f"{duration(seconds * config.steps)}, and pictures, checkpoints and pages some 5 to 20 % more"
    )
    verdicts = advise(Images.of(config.dataset, dataclasses.asdict(data)), config.as_dict())
    lines += (
        ["", "advice, by the number and the size of the images:", *(f"  {one}" for one in verdicts)] if verdicts else []
    )
    return "\n".join(lines)


def layer_table(network) -> list[str]:
    """One line for each weighted or normalising layer: output, parameters, FLOPs of one image."""
    lines = [f"{network.name}:", f"  {'layer':<28}{'output':<18}{'parameters':>12}{'MFLOP':>10}"]
    for block in network.blocks():
        own = [weight for weight in block._trainable_variables]
        if not own:
            continue
        shape = "x".join(map(str, block.output_size))
        count = sum(int(tf.size(weight.value)) for weight in own)
        lines.append(f"  {block.path.split('/', 1)[-1]:<28}{shape:<18}{count:>12,}{block.flops() / 1e6:>10.2f}")
    total = sum(int(tf.size(weight.value)) for weight in network.trainable_variables)
    lines.append(f"  {'total':<28}{'':<18}{total:>12,}{network.flops() / 1e6:>10.2f}")
    return lines


def _config_lines(config):
    groups: dict[str, list[str]] = {}
    for name, field in FIELDS.items():
        groups.setdefault(field.metadata["group"], []).append(f"{name}={getattr(config, name)}")
    return [f"  {group}: " + "  ".join(members) for group, members in groups.items()]
