"""Checkpoints as folders that appear whole: checkpoints/00001234/ with hashes of its files.

A folder is intact when its checkpoint.json has the hash that it says of itself, and every file
the SHA-256 that it says. Whatever was cut short is passed over, and the one before is used.
"""

import contextlib
import dataclasses
import hashlib
import json
import os
import pathlib
import shutil
import tempfile

import numpy as np
import tensorflow as tf

from tfgan_train.common.errors import UserError, reason
from tfgan_train.common.files import sha256, write_json

META = "checkpoint.json"
WEIGHTS = "weights"
BEST = "best"  # the folder of the best one, which rotation never drops
READ_ATTEMPTS = 10  # at a run that trains meanwhile and drops or replaces what was to be read
FORMAT = 2  # of checkpoint.json; 1 had no hash of its own


class Gone(UserError):
    """A checkpoint isn't there, perhaps since a run that trains has dropped it."""


@dataclasses.dataclass(frozen=True)
class Checkpoint:
    """An intact checkpoint: its step, its folder and what was saved beside the weights.

    Attributes:
      fingerprint: the SHA-256 of its checkpoint.json, which has those of all its files.
    """

    step: int
    path: pathlib.Path
    extra: dict
    fingerprint: str

    @property
    def prefix(self) -> str:
        """What tf.train.Checkpoint.read takes."""
        return str(self.path / WEIGHTS)


def save(folder: pathlib.Path, state: dict, step: int, extra: dict, keep: int) -> None:
    """Writes the checkpoint of a step into the run's checkpoints folder, and drops those beyond the newest `keep`.

    Raises:
      UserError: as `write`.
    """
    write(folder / f"{step:08d}", state, step, extra)
    for path in _folders(folder)[:-keep]:
        shutil.rmtree(path, ignore_errors=True)


def held(part):
    """A copy of a state on the host: NumPy arrays in place of its variables."""
    if isinstance(part, tf.Variable):
        return part.numpy()
    return {name: held(one) for name, one in part.items()} if isinstance(part, dict) else [held(one) for one in part]


def as_variables(part):
    """What `held` gave, as a state to save: it is stored as the one that was copied would be."""
    if isinstance(part, dict):
        return {name: as_variables(one) for name, one in part.items()}
    if isinstance(part, list):
        return [as_variables(one) for one in part]
    with tf.device("CPU:0"):
        return tf.Variable(part, trainable=False)


def write(final: pathlib.Path, state: dict, step: int, extra: dict) -> None:
    """Writes a checkpoint beside `final`, then renames it into place.

    Args:
      final: the checkpoint's folder; one that is there is replaced.
      state: what to store: names of variables, or lists or dicts of them.
      step: completed generator updates.
      extra: JSON facts to store with it.

    Raises:
      UserError: when it can't be written (a full disk); the earlier ones are untouched.
    """
    beside, old = (final.with_name(f".{word}-{final.name}") for word in ("writing", "replaced"))
    try:
        shutil.rmtree(beside, ignore_errors=True)
        beside.mkdir(parents=True)
        tf.train.Checkpoint(**state).write(str(beside / WEIGHTS))
        files = {path.name: sha256(path) for path in sorted(beside.iterdir())}
        for name in files:
            with open(beside / name, "rb") as file:
                os.fsync(file.fileno())
        facts = {"format": FORMAT, "step": step, "sha256": files, "extra": extra}
        write_json(beside / META, facts | {"own_sha256": _hash(facts)})
        if final.exists():
            shutil.rmtree(old, ignore_errors=True)
            os.rename(final, old)
        os.rename(beside, final)
        shutil.rmtree(old, ignore_errors=True)
    except (OSError, tf.errors.OpError) as error:
        shutil.rmtree(beside, ignore_errors=True)
        raise UserError(
            f"can't write the checkpoint of step {step} in {final.parent}: {reason(error)}; "
            "earlier checkpoints are kept; free some space and start the same command again"
        ) from None


def intact(folder: pathlib.Path) -> list[Checkpoint]:
    """The intact checkpoints, oldest first; [] when there are none."""
    found = (read(path) for path in _folders(folder))
    return [checkpoint for checkpoint in found if checkpoint is not None]


def set_damaged_aside(folder: pathlib.Path) -> list[pathlib.Path]:
    """Renames the folders that aren't intact to damaged-…, where they push out no good one; the old names."""
    found = [path for path in _folders(folder) if read(path) is None]
    for path in found:
        aside = path.with_name(f"damaged-{path.name}")
        shutil.rmtree(aside, ignore_errors=True)
        os.rename(path, aside)
    return found


def finish_interrupted(folder: pathlib.Path) -> None:
    """Finishes what `write` was killed at: a folder that was moved out of the way comes back, or goes.

    Folders that weren't finished go too. Only before a run trains: its threads may write two checkpoints at once.
    """
    for unfinished in folder.glob(".writing-*"):
        shutil.rmtree(unfinished, ignore_errors=True)
    for old in folder.glob(".replaced-*"):
        final = old.with_name(old.name.removeprefix(".replaced-"))
        if final.exists():
            shutil.rmtree(old)
        else:
            os.rename(old, final)


def read(path: pathlib.Path):
    """The Checkpoint in this folder, or None when it isn't intact."""
    try:
        if not (path / META).is_file():  # A pipe would be waited for.
            return None
        content = (path / META).read_bytes()
        meta = json.loads(content)
        own = meta.pop("own_sha256", None)
        if (own is not None or "format" in meta) and own != _hash(meta):
            return None
        files = meta["sha256"]
        if f"{WEIGHTS}.index" not in files or len(files) < 2:
            return None
        whole = all((path / name).is_file() and sha256(path / name) == digest for name, digest in files.items())
        if not whole or not isinstance(meta["extra"], dict):
            return None
        return Checkpoint(meta["step"], path, meta["extra"], hashlib.sha256(content).hexdigest())
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def best(folder: pathlib.Path):
    """The Checkpoint that evaluations have chosen, or None; a better one may take its place while it is read."""
    path = folder / BEST
    for _ in range(READ_ATTEMPTS):
        before = _identity(path)
        found = read(path)
        if found is not None or _identity(path) == before:
            return found
    return None


def latest(folder: pathlib.Path):
    """The newest intact checkpoint, or None; older ones are not even read.

    A run that trains may have dropped all that were listed, and written others.
    """
    for _ in range(READ_ATTEMPTS):
        listed = _folders(folder)
        found = next((found for path in reversed(listed) if (found := read(path)) is not None), None)
        if found is not None or listed == _folders(folder):
            return found
    return None


def restore(checkpoint: Checkpoint, state: dict) -> None:
    """Reads the whole state back into variables that exist, and makes sure that nothing was left out.

    Raises:
      UserError: when the checkpoint is of other networks.
    """
    with _misfits(checkpoint), _plain_prefix(checkpoint) as prefix:
        status = tf.train.Checkpoint(**state).read(prefix)
        status.assert_consumed()


def restore_part(checkpoint: Checkpoint, **parts) -> None:
    """Reads some of the state's parts, e.g. `ema_generator=named(model)`, each built before.

    Raises:
      UserError: when the checkpoint lacks a variable of theirs.
    """
    with _misfits(checkpoint), _plain_prefix(checkpoint) as prefix:
        status = tf.train.Checkpoint(**parts).read(prefix)
        status.expect_partial()
        status.assert_existing_objects_matched()


def values(checkpoint: Checkpoint, part: str) -> dict[str, np.ndarray]:
    """What is stored of one part of the state, by the path in it: "count", "slots/m/0" …"""
    end = "/.ATTRIBUTES/VARIABLE_VALUE"
    with _misfits(checkpoint), _plain_prefix(checkpoint) as prefix:
        reader = tf.train.load_checkpoint(prefix)
        return {
            key.removeprefix(f"{part}/").removesuffix(end): reader.get_tensor(key)
            for key in reader.get_variable_to_shape_map()
            if key.startswith(f"{part}/") and key.endswith(end)
        }


def check_still_there(checkpoint: Checkpoint) -> None:
    """Makes sure that what was read of a checkpoint's folder was all of this one.

    Raises:
      Gone: it isn't intact there any more.
    """
    now = read(checkpoint.path)
    if now is None or now.fingerprint != checkpoint.fingerprint:
        raise Gone(f"{checkpoint.path} was removed or replaced while it was read") from None


@contextlib.contextmanager
def _misfits(checkpoint):
    try:
        yield
    except (AssertionError, ValueError, tf.errors.OpError) as error:
        check_still_there(checkpoint)
        raise UserError(f"{checkpoint.path} doesn't fit the run's networks: {str(error).splitlines()[0]}") from None


@contextlib.contextmanager
def _plain_prefix(checkpoint):
    """The checkpoint's prefix as TensorFlow can read it: it takes `[ ] * ?` and `\\` in a path for a pattern."""
    if not any(character in str(checkpoint.path) for character in "[]*?\\"):
        yield checkpoint.prefix
        return
    with tempfile.TemporaryDirectory() as folder:
        link = pathlib.Path(folder) / "checkpoint"
        link.symlink_to(checkpoint.path.absolute(), target_is_directory=True)
        yield str(link / WEIGHTS)


def _identity(path: pathlib.Path) -> int | None:
    try:
        return path.stat().st_ino
    except OSError:
        return None


def _hash(facts: dict) -> str:
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def _folders(folder: pathlib.Path) -> list[pathlib.Path]:
    """The folders of steps, by step: names have eight digits, or more where there are more steps."""
    try:
        found = [path for path in folder.iterdir() if path.name.isdecimal() and path.is_dir()]
    except (FileNotFoundError, NotADirectoryError):
        return []
    return sorted(found, key=lambda path: int(path.name))
