"""--from_run: what a new run takes over from another, what it says of the rest, and that it then stands alone."""

import json
import pathlib
import shutil

import numpy as np
import pytest
import tensorflow as tf

from tests import binaries
from tests.test_loop import _checkpoint
from tfgan_train import Config, UserError, compare, main, train
from tfgan_train.models.variables import named, trainable
from tfgan_train.runs import checkpoints
from tfgan_train.runs.directory import RunDir
from tfgan_train.runs.facts import read_run
from tfgan_train.training import loop, parent, start
from tfgan_train.training.gan import Gan

STORED = pathlib.Path(__file__).parent / "stored_run"


def _child(tmp_path, parent=STORED, **settings):
    """(Start, Gan) of a run that begins with the weights of `parent`, as training would build it."""
    asked = Config(from_run=str(parent), run_dir=str(tmp_path / "child"), **dict(dataset="mnist10k") | settings)
    prepared = start.prepare(asked)
    gan = Gan(prepared.config, prepared.data, prepared.objective)
    prepared.transfer.apply(gan)
    return prepared, gan


def _stored(run=STORED) -> dict[str, np.ndarray]:
    """A checkpoint's arrays by TensorFlow's own reader: "generator/stage0.Sbase.Skernel" and so on."""
    reader = tf.train.load_checkpoint(checkpoints.latest(RunDir(run).checkpoints_dir).prefix)
    end = "/.ATTRIBUTES/VARIABLE_VALUE"
    return {key.removesuffix(end): reader.get_tensor(key) for key in reader.get_variable_to_shape_map()}


def _key(part: str, name: str) -> str:
    return f"{part}/{name.replace('.', '..').replace('/', '.S')}"


def test_all_weights_and_both_optimisers_are_taken_over(tmp_path):
    prepared, gan = _child(tmp_path, batch_size=16, g_lr=1e-5, train_examples=64)
    stored = _stored()
    for part in ("generator", "ema_generator", "discriminator"):
        for name, variable in named(getattr(gan, part)).items():
            np.testing.assert_array_equal(variable.numpy(), stored[_key(part, name)], err_msg=name)
    for side in "gd":
        optimizer = getattr(gan, f"{side}_optimizer")
        assert optimizer.count.numpy() == stored[f"{side}_optimizer/count"] > 0
        for slot, variables in optimizer.slots.items():
            for i, variable in enumerate(variables):
                np.testing.assert_array_equal(variable.numpy(), stored[f"{side}_optimizer/slots/{slot}/{i}"])
    assert gan.step.numpy() == 0
    assert (prepared.config.batch_size, prepared.config.g_lr) == (16, 1e-5)
    parent = RunDir(STORED).read()[0]
    assert (prepared.config.g_width, prepared.config.d_lr) == (parent.g_width, parent.d_lr)
    assert not (tmp_path / "child").exists()
    assert len(prepared.transfer.notes) == 1 and str(STORED) in prepared.transfer.notes[0]


def test_another_image_size_keeps_the_layers_that_fit_and_names_the_others(tmp_path):
    prepared, gan = _child(tmp_path, image_size="32", train_examples=64, conditional=False)
    stored, (kept, lost) = _stored(), prepared.transfer.notes
    generator, discriminator = named(gan.generator), named(gan.discriminator)
    np.testing.assert_array_equal(discriminator["stage0/down0/kernel"], stored["discriminator/stage0.Sdown0.Skernel"])
    # The last stage of G is the parent's last.
    np.testing.assert_array_equal(generator["stage3/up3/kernel"], stored["generator/stage2.Sup2.Skernel"])
    assert str(STORED) in kept
    assert "G's stage0/base (8x256, there 40x128)" in lost and "D's stage2/down2 (5x5x8x16, not there)" in lost
    assert "G's optimiser" in lost or "more" in lost
    assert max(len(kept), len(lost)) < 500


def test_a_child_without_labels_keeps_the_rows_of_z(tmp_path):
    _, gan = _child(tmp_path, train_examples=64, conditional=False)
    mine = named(gan.ema_generator)["stage0/base/kernel"].numpy()
    theirs = _stored()["ema_generator/stage0.Sbase.Skernel"]
    assert mine.shape[0] == 8 and theirs.shape[0] == 8 + 32
    np.testing.assert_array_equal(mine, theirs[:8])


def test_frozen_stages_stay_and_are_no_part_of_the_optimiser(tmp_path):
    prepared, gan = _child(tmp_path, freeze_d=1, train_examples=64)
    names = {id(variable): name for name, variable in named(gan.discriminator).items()}
    trained = [names[id(variable)] for variable in trainable(gan.discriminator)]
    assert trained and not any("down0" in name for name in trained)
    stored = _stored()
    parent = Gan(*RunDir(STORED).read())  # The order of the parent's slots.
    all_names = {id(variable): name for name, variable in named(parent.discriminator).items()}
    order = [all_names[id(variable)] for variable in trainable(parent.discriminator)]
    for slot, variables in gan.d_optimizer.slots.items():
        for name, variable in zip(trained, variables, strict=True):
            np.testing.assert_array_equal(
                variable.numpy(), stored[f"d_optimizer/slots/{slot}/{order.index(name)}"], err_msg=name
            )
    with pytest.raises(UserError, match=r"--freeze_d=9: this run's D has \d stages; legal: 0 to \d"):
        _child(tmp_path, freeze_d=9, train_examples=64)


def test_a_further_head_begins_anew_and_d_s_optimiser_with_it(tmp_path):
    prepared, gan = _child(tmp_path, train_examples=64, d_conditioning="acgan")
    assert list(gan.heads) == ["class_head"] and gan.d_optimizer.count.numpy() == 0 and gan.g_optimizer.count.numpy()
    assert "D's class_head's classes (" in prepared.transfer.notes[1] and "D's optimiser" in prepared.transfer.notes[1]


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (dict(parent="nowhere"), r"--from_run=.*nowhere: no run there"),
        (dict(parent=f"{STORED}@77"), r"--from_run=.*@77: --step=77: .* has no intact checkpoint"),
        (dict(parent=f"{STORED}@best"), r"--from_run=.*@best: .* has no best checkpoint"),
        (dict(architecture="mlp"), r"--from_run=.* is a run of another architecture: its G is dcgan, .* is mlp"),
        (dict(g_width=5, latent_dim=9, kernel_size=3), r"shares no layer with this run's G"),
    ],
)
def test_a_parent_that_cant_be_is_refused_and_nothing_is_written(settings, said, tmp_path):
    with pytest.raises(UserError, match=said) as error:
        _child(tmp_path, **dict(train_examples=64) | settings)
    assert "\n" not in str(error.value)
    assert list(tmp_path.iterdir()) == []


def test_a_parent_that_trains_and_drops_its_checkpoint_gives_the_next_newest(tmp_path, monkeypatch):
    run = pathlib.Path(shutil.copytree(STORED, tmp_path / "parent"))
    older = pathlib.Path(shutil.copytree(run / "checkpoints" / "00000008", run / "checkpoints" / "00000007"))
    meta = json.loads((older / "checkpoint.json").read_text())
    (older / "checkpoint.json").write_text(json.dumps(meta | {"step": 7}))
    whole, values = checkpoints.latest(run / "checkpoints"), checkpoints.values

    def drop_first(checkpoint, part):
        """After the networks were read, before the optimisers are."""
        monkeypatch.setattr(checkpoints, "values", values)
        shutil.rmtree(checkpoint.path)
        return values(checkpoint, part)

    monkeypatch.setattr(checkpoints, "values", drop_first)
    prepared, _ = _child(tmp_path, run, batch_size=16, train_examples=64)
    assert prepared.parent["step"] == 7 and prepared.parent["checkpoint"] != whole.fingerprint
    assert prepared.transfer.optimizers.keys() == {"g_optimizer", "d_optimizer"}
    shutil.rmtree(older)
    held = parent.Parent("--from_run=x", RunDir(run), *RunDir(run).read(), whole, None)
    with pytest.raises(UserError, match="^--from_run=x: .* holds no intact checkpoint yet"):
        held.read(lambda one: checkpoints.values(one.checkpoint, "g_optimizer"))


def test_freezing_needs_a_parent(tmp_path):
    result = binaries.call(main.main, "--recipe=smoke", "--freeze_d=1", f"--run_dir={tmp_path / 'run'}")
    assert result.status == 2 and "--freeze_d would do nothing here" in result.err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("text", "parts"), [("a@12", ("a", "12")), ("a@b", ("a@b", "")), ("a@best", ("a", "best"))])
def test_the_step_is_split_from_the_run(text, parts):
    assert parent.split(text) == parts
    assert parent.split(parent.absolute(text)) == (str(pathlib.Path(parts[0]).absolute()), parts[1])


@pytest.mark.slow
def test_a_child_resumes_without_its_parent_bit_for_bit_and_tells_its_family(tmp_path):
    begun_from, whole, again = (tmp_path / name for name in ("parent", "whole", "again"))
    shutil.copytree(STORED, begun_from)
    settings = dict(dataset="mnist10k", train_examples=64, steps=4, checkpoint_every=2, keep_checkpoints=9)
    train(Config(from_run=str(begun_from), run_dir=str(whole), freeze_d=1, batch_size=16, log_every=1, **settings))
    before = _stored()
    after = _stored(whole)
    frozen = [name for name in before if name.startswith("discriminator/") and "down0" in name]
    assert frozen and all(np.array_equal(before[name], after[name]) for name in frozen)
    assert any(
        not np.array_equal(before[name], after[name])
        for name in before
        if name.startswith("discriminator/") and name not in frozen and before[name].shape == after[name].shape
    )
    shutil.copytree(whole, again)
    for step in (2, 4):  # As if it had been killed before its first step ended.
        shutil.rmtree(again / "checkpoints" / f"{step:08d}")
    shutil.rmtree(begun_from)
    loop.train(Config(run_dir=str(again)), given={"run_dir"})
    assert _checkpoint(again) == _checkpoint(whole)
    stored = json.loads((again / "config.json").read_text())["parent"]
    assert (stored["run"], stored["step"]) == (str(begun_from), 8) and len(stored["checkpoint"]) == 64
    assert read_run(again).ancestors == [(str(begun_from), 8)]
    assert "began with the weights of" in (again / "report.html").read_text()
    out = tmp_path / "compare.html"
    assert binaries.call(compare.main, whole, again, f"--out={out}").status == 0
    assert "parent, step 8" in out.read_text()
