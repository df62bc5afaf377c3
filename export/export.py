"""From a run to a folder of verified files that appears whole or not at all."""

import contextlib
import glob
import os
import pathlib
import shutil
import tempfile
import time
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from export import extras, flatbuffer
from export import generator as generators
from export.formats import FORMATS, Artefact
from export.manifest import file_entry, generator_facts, manifest, signatures, versions
from export.model_card import PICTURE, model_card
from export.quiet import quiet
from export.verify import Report, verify
from tfgan_train.common import locks
from tfgan_train.common.errors import UserError, printable, reason
from tfgan_train.common.files import write_atomically, write_json
from tfgan_train.common.images import to_uint8
from tfgan_train.common.terminal import Terminal
from tfgan_train.pictures.grid import grid, save_png
from tfgan_train.runs.facts import read_json, read_run

REPLACED = "replaced"  # the earlier export, while a new one takes its place
EXIT_FAILED = 1
SAMPLES, MOST_COLUMNS = 64, 10


def export(
    run_dir: str,
    out_dir: str,
    formats: Sequence[str],
    batches: Sequence[int] = (1, 16),
    step: int | str | None = None,
    overwrite: bool = False,
) -> int:
    """Writes and verifies the files; prints what it does to stderr.

    Args:
      run_dir: the run.
      out_dir: the folder to make.
      formats: keys of FORMATS.
      batches: the TFLite files' batch sizes.
      step: which checkpoint, see `generator.open_run`.
      overwrite: replace `out_dir` if it is an earlier export.

    Returns:
      0, or EXIT_FAILED where a format failed its verification and was left out.

    Raises:
      UserError: for a wrong argument or a missing package, before anything is written; or
        where `out_dir` can't be written or no format passed, and nothing is left behind.
    """
    out = pathlib.Path(out_dir)
    with _alone(out, out_dir):
        return _export(run_dir, out, out_dir, formats, batches, step, overwrite)


def _export(run_dir, out, out_dir, formats, batches, step, overwrite) -> int:
    _check_free(out, overwrite)
    for name in formats:
        extras.check(name)
    run = generators.open_run(run_dir, step)
    generator = generators.of_run(run)
    _say(f"step {run.step:,} of {run_dir}: {generator.facts.parameters:,} parameters")
    try:
        with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}.") as folder:
            beside = pathlib.Path(folder) / out.name
            beside.mkdir()
            failed = _fill(beside, run, generator, formats, batches)
            _put_in_place(beside, out)
    except (OSError, tf.errors.OpError) as error:
        raise UserError(f"--out_dir={out_dir} can't be written: {reason(error)}") from None
    _say(f"{out_dir}: {', '.join(sorted(path.name for path in out.iterdir()))}")
    return EXIT_FAILED if failed else 0


def _fill(folder: pathlib.Path, run, generator, formats, batches) -> dict[str, list[str]]:
    """Writes everything into `folder`; returns format -> why it was left out."""
    entries, failed = [], {}
    for name in formats:
        made, failures = _make(folder, generator, name, batches)
        if failures:
            failed[name] = failures
        entries += made
    if not entries:
        raise UserError(
            f"no format passed its verification, so nothing was exported: {'; '.join(sum(failed.values(), []))}"
        )
    _write_samples(folder / PICTURE, generator)
    facts = manifest(generator.facts, entries, failed)
    figures = read_run(run.path.path).evaluations.get(run.step, {})
    write_atomically(folder / "MODEL_CARD.md", model_card(facts, run.config.as_dict(), vars(run.data), figures))
    write_json(folder / "manifest.json", facts)
    return failed


def _make(folder: pathlib.Path, generator, name: str, batches) -> tuple[list[dict], list[str]]:
    """Writes and verifies the files of one format: their manifest entries, or none and the failures."""
    entries, failures = [], []
    for artefact in FORMATS[name]:
        path = folder / artefact.path
        start = time.monotonic()
        _say(f"{artefact.path}: writing")
        with quiet():
            artefact.write(generator, path, batches)
        if artefact.loader == "tflite":
            _add_metadata(path, generator, artefact)
        _say(f"{artefact.path}: written in {time.monotonic() - start:.0f} s; verifying in a fresh process")
        report = verify(generator, artefact, path, batches)
        _say(_verdict(artefact, report))
        failures += [f"{artefact.path}: {failure}" for failure in report.failures]
        entries.append(file_entry(name, artefact, path, generator.facts, report))
    if failures:
        for artefact in FORMATS[name]:
            _remove(folder / artefact.path)
        return [], failures
    return entries, []


def _verdict(artefact: Artefact, report: Report) -> str:
    if report.failures:
        return f"{artefact.path}: FAILED and removed: {'; '.join(report.failures)}"
    if not report.psnr_db:
        return f"{artefact.path}: ok, the same latents"
    return f"{artefact.path}: ok, {min(report.psnr_db.values())} dB (must reach {artefact.floor_db})"


def _add_metadata(path: pathlib.Path, generator, artefact: Artefact) -> None:
    facts = generator_facts(generator.facts)
    facts |= {"signatures": signatures(artefact, path, generator.facts), "versions": versions()}
    description = (
        f"{facts['run']}, step {facts['step']}: a GAN's generator; facts in the metadata {flatbuffer.METADATA_NAME}"
    )
    path.write_bytes(flatbuffer.with_metadata(path.read_bytes(), description, facts))


def _write_samples(path: pathlib.Path, generator) -> None:
    """A grid of seed 0; the columns of a conditional generator are its labels."""
    columns, labels = None, None
    if generator.facts.num_classes:
        columns = min(generator.facts.num_classes, MOST_COLUMNS)
        labels = tf.constant(np.arange(SAMPLES // columns * columns) % columns, tf.int32)
    count = SAMPLES if labels is None else len(labels)
    z, label = generator.sample_inputs(0, tf.range(count), 1.0, labels)
    save_png(path, grid(to_uint8(generator.images(z, label).numpy()), columns))


@contextlib.contextmanager
def _alone(out: pathlib.Path, out_dir: str):
    """Keeps other exports out of the same folder, and clears what a killed one has left.

    Raises:
      UserError: when another process exports there, or nothing can be written there.
    """
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        file = open(out.with_name(f".{out.name}.lock"), "w")
    except OSError as error:
        raise UserError(f"--out_dir={out_dir} can't be written: {reason(error)}") from None
    with file:
        try:
            locked = locks.lock(file)
        except locks.Held:
            raise UserError(
                f"--out_dir={out_dir}: another process is exporting there; wait for it, or name another folder"
            ) from None
        try:
            if locked:
                _clear_leftovers(out)
            yield
        finally:
            pathlib.Path(file.name).unlink(missing_ok=True)


def _clear_leftovers(out: pathlib.Path) -> None:
    """An export that was killed leaves a hidden folder, with the export that it was about to replace."""
    for folder in out.parent.glob(f".{glob.escape(out.name)}.*"):
        if folder.is_dir():
            if (folder / REPLACED).is_dir() and not out.exists():
                os.rename(folder / REPLACED, out)
            shutil.rmtree(folder, ignore_errors=True)


def _check_free(out: pathlib.Path, overwrite: bool) -> None:
    if not os.path.lexists(out):
        return
    if not overwrite:
        raise UserError(f"--out_dir={out} exists; name a new folder, or add --overwrite to replace an earlier export")
    if not _is_export(out):
        raise UserError(
            f"--out_dir={out} is no earlier export (it has no manifest.json of ours), so --overwrite leaves it alone"
        )
    if others := _others(out):
        raise UserError(
            f"--out_dir={out} holds {printable(others[0])} beside the earlier export, so --overwrite leaves it alone"
        )


def _is_export(folder: pathlib.Path) -> bool:
    """Whether it has the manifest of an export, and is no run."""
    entries = read_json(folder / "manifest.json")
    return "generator" in entries and "files" in entries and not (folder / "config.json").exists()


def _others(folder: pathlib.Path) -> list[str]:
    """What lies in an earlier export and isn't ours: its manifest names all files but those that every export has."""
    files = read_json(folder / "manifest.json")["files"]
    entries = [entry for entry in files if isinstance(entry, dict)] if isinstance(files, list) else []
    ours = {str(entry.get("path", "")).partition("/")[0] for entry in entries} | {PICTURE, "MODEL_CARD.md"}
    return sorted({path.name for path in folder.iterdir()} - ours - {"manifest.json"})


def _put_in_place(beside: pathlib.Path, out: pathlib.Path) -> None:
    """Renames the finished folder; an earlier export is moved out of the way for that moment only."""
    for file in beside.rglob("*"):
        if file.is_file():
            with open(file, "rb") as stream:
                os.fsync(stream.fileno())
    replaced = beside.with_name(REPLACED)
    if out.exists():
        os.rename(out, replaced)
    try:
        os.rename(beside, out)
    except OSError:
        if replaced.exists():
            os.rename(replaced, out)
        raise


def _remove(path: pathlib.Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _say(text: str) -> None:
    Terminal().line(text)
