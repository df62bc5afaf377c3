"""`tfds:NAME` or `tfds:NAME[SLICE]`: any TensorFlow Datasets image dataset, prepared on disk or downloaded."""

import contextlib
import functools
import hashlib
import os
import pathlib
import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tfgan_train.common import attributes
from tfgan_train.common.errors import UserError, nearest, reason
from tfgan_train.data import decode, network, shard_cache, source
from tfgan_train.data.records import Records
from tfgan_train.data.transform import parse_image_size

# Below this many bytes an image decodes faster than threads can hand it round.
_WORTH_THREADS = 8192


class Unavailable(UserError):
    """The data are not prepared on this machine and can't be downloaded now."""


def load(config, split: str) -> source.Source:
    """The split of a TFDS dataset, prepared first if need be, in its stored order.

    `tfds:NAME[train[:80%]]` trains on a part, written as TFDS writes it. Held out is the dataset's test split, or
    where there is none (or it is trained on) what the slice leaves of its split.

    TFDS shuffles the examples when it prepares them, so the first N are a random N and not
    the first of the original publication. Examples are decoded as they are read.

    Raises:
      NoSuchSplit: the dataset has no such split.
      Unavailable: it is not on this machine and can't be downloaded.
      UserError: an unknown name, data without images, or images of different sizes without
        --image_size.
    """
    name, part = parse_name(config.dataset)
    builder = find_builder(name, config.data_dir)
    if not is_prepared(builder):
        prepare(builder, name, config.data_dir)
    return from_builder(builder, config, split, part)


def parse_name(dataset: str) -> tuple[str, str]:
    """ "tfds:NAME[SLICE]" -> (NAME, SLICE); "" where there is no slice.

    Raises:
      UserError: unbalanced brackets.
    """
    match = re.fullmatch(r"([^\[\]]+)(?:\[(.+)\])?", dataset.partition(":")[2])
    if match is None:
        raise UserError(f"--dataset={dataset}: a part of the data is written tfds:NAME[train[:80%]]")
    return match[1], match[2] or ""


def find_builder(name: str, data_dir: str) -> Any:
    """The tfds.core.DatasetBuilder of `name`: prepared below `data_dir`, else in TFDS's own folder.

    Where neither folder has it, the builder would prepare it in `data_dir` (or TFDS's folder).
    """
    library = _library()
    found, missing = [], None
    for folder in dict.fromkeys([_folder(data_dir), None]):
        try:
            builder = library.builder(name, data_dir=folder)
        except library.core.DatasetNotFoundError as error:
            missing = error  # Known to neither TFDS nor this folder; the other may have it.
        # A builder runs the data set's own code and parses its files: whatever that raises, the data can't be had.
        except Exception as error:  # pylint: disable=broad-exception-caught
            raise UserError(f"--dataset=tfds:{name} can't be opened: {_one_line(error)}") from error
        else:
            if is_prepared(builder):
                return builder
            found.append(builder)
    if found:
        return found[0]
    near = nearest(name.split("/")[0], library.list_builders(with_community_datasets=False))
    hint = f"did you mean {' or '.join(near)}? " if near else ""
    raise UserError(
        f"--dataset=tfds:{name}: TFDS has no dataset of that name; {hint}"
        "legal: see https://www.tensorflow.org/datasets/catalog"
    ) from missing


def is_prepared(builder: Any) -> bool:
    """Whether the data are on disk. (The builder's own method logs a warning where they are not.)"""
    return (builder.data_path / "dataset_info.json").exists()


def prepare(builder: Any, name: str, data_dir: str) -> None:
    """Downloads and prepares a dataset, unless its host does not answer.

    Raises:
      Unavailable: with the reason in plain words.
    """
    where = f"TFDS has no prepared {name} in {_folder(data_dir) or 'its default folder'}"
    urls = list(builder.url_infos)
    reason = network.why_unreachable(urls[0]) if urls else ""
    if not reason:
        try:
            builder.download_and_prepare()
            return
        # A builder runs its dataset's own code: whatever that raises, the data can't be had.
        except Exception as error:  # pylint: disable=broad-exception-caught
            reason = _one_line(error)
    raise Unavailable(f"{where}, and it can't be downloaded ({reason})")


def from_builder(builder: Any, config, split: str, part: str = "") -> source.Source:
    """The Source of a split of a prepared builder, or of a `part` of its data, such as "train[:80%]"."""
    try:
        found = _from_builder(builder, config, split, part)
        return _kept(found, builder, config, split, part) if config.cache_dir else found
    except UserError:
        raise
    except Exception as error:  # pylint: disable=broad-exception-caught
        raise UserError(f"tfds:{builder.name} in {builder.data_path} is damaged: {_one_line(error)}") from error


def _from_builder(builder, config, split, part):
    split_name, chosen = _chosen(builder, split, part)
    image_key, label_key = _feature_keys(builder)
    names = _attribute_names(builder, config)
    keys = [f"{config.attributes}/{name}" for name in names] or ([label_key] if label_key else [])
    shape = _image_shape(builder.info.features[image_key], builder.name, config)
    labels = builder.info.features[label_key] if label_key and not names else None
    records, count = _records(builder, split_name)
    count = count if chosen is None else len(chosen)

    def read(indices: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        wanted = records(indices if chosen is None else chosen[indices])
        images, values = _decode(wanted, image_key, keys, shape, builder.name)
        return images, attributes.packed(values) if names else values.sum(1, dtype=np.int32)

    return source.Source(
        builder.name,
        count,
        shape,
        labels.num_classes if labels else 0,
        tuple(labels.names) if labels else (),
        read,
        attributes=names,
    )


def _attribute_names(builder: Any, config) -> tuple[str, ...]:
    """The chosen attributes of the feature that --attributes names; () without it.

    Raises:
      UserError: no such feature, or one that is no dictionary of booleans.
    """
    if not config.attributes:
        return ()
    library, features = _library(), builder.info.features
    found = features[config.attributes] if config.attributes in features else None
    if not isinstance(found, library.features.FeaturesDict) or not all(
        feature.shape == () and np.dtype(feature.np_dtype).kind == "b" for _, feature in found.items()
    ):
        legal = [key for key, feature in features.items() if isinstance(feature, library.features.FeaturesDict)]
        raise UserError(
            f"--attributes={config.attributes} is no feature of tfds:{builder.name} that is a dictionary of booleans; "
            f"it has {', '.join(legal) or 'none'}"
        )
    return attributes.chosen("--attribute_names", config.attribute_names, [name for name, _ in found.items()])


def _kept(found: source.Source, builder, config, split: str, part: str) -> source.Source:
    """The Source, decoded once and kept in --cache_dir."""
    files = [pathlib.Path(path) for path in builder.info.splits[_chosen(builder, split, part)[0]].filepaths]
    facts = [(path.name, (stat := path.stat()).st_size, stat.st_mtime_ns) for path in files]
    settings: tuple = (os.fspath(builder.data_path), part, config.image_size, config.channels)
    settings += (config.attributes, *found.attributes) if found.attributes else ()
    name = f"{builder.name}-{split}-{hashlib.sha256(repr(settings).encode()).hexdigest()[:12]}"
    try:
        kept = shard_cache.from_source(found, pathlib.Path(config.cache_dir, name), repr(facts))
    except OSError as error:
        raise UserError(f"--cache_dir={config.cache_dir} can't be written: {reason(error)}") from None
    return kept


def _library() -> Any:
    """tensorflow_datasets, imported late: it takes its time."""
    try:
        import tensorflow_datasets
    except ImportError as error:
        raise Unavailable(
            f"TFDS can't be loaded ({error}); install tensorflow-datasets and importlib_resources"
        ) from error
    return tensorflow_datasets


def _folder(data_dir: str) -> str | None:
    return os.path.expanduser(data_dir) or None


def _one_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0][:200] if lines else type(error).__name__


def _chosen(builder: Any, split: str, part: str) -> tuple[str, np.ndarray | None]:
    """(name of the stored split, int64 indices in it; None: all)."""
    if not part:
        return _split_name(builder, split), None
    trained_on, inside = _slice(builder, part)
    if split == "train":
        return trained_on, inside
    with contextlib.suppress(source.NoSuchSplit):
        if (held_out := _split_name(builder, split)) != trained_on:
            return held_out, None
    rest = np.setdiff1d(np.arange(builder.info.splits[trained_on].num_examples), inside)
    if not len(rest):
        raise source.NoSuchSplit(f"tfds:{builder.name}[{part}] leaves nothing to hold out")
    return trained_on, rest


def _slice(builder: Any, part: str) -> tuple[str, np.ndarray]:
    """(split, int64 indices in it) of a slice as TFDS writes it: "train[:80%]", "train[:10]+train[90:]".

    Raises:
      UserError: a slice that TFDS doesn't understand, of an unknown split, of several, or of nothing.
    """
    try:
        ranges = _library().core.ReadInstruction.from_spec(part).to_absolute(builder.info.splits)
    except (ValueError, AssertionError, KeyError, AttributeError) as error:
        raise UserError(
            f"--dataset=tfds:{builder.name}[{part}]: {_one_line(error)}; legal: a split of "
            f"{', '.join(builder.info.splits)}, such as train[:80%] or train[1000:]"
        ) from error
    names = {one.splitname for one in ranges}
    if len(names) != 1:
        raise UserError(f"--dataset=tfds:{builder.name}[{part}] takes parts of several splits; name one")
    name = names.pop()
    every = np.arange(builder.info.splits[name].num_examples)
    inside = np.unique(np.concatenate([every[one.from_ : one.to] for one in ranges]))
    if not len(inside):
        raise UserError(f"--dataset=tfds:{builder.name}[{part}] is empty")
    return name, inside


def _split_name(builder: Any, split: str) -> str:
    have = list(builder.info.splits)
    wanted = ("train",) if split == "train" else ("test", "validation")
    for name in wanted:
        if name in have:
            return name
    if split == "train" and len(have) == 1:
        return have[0]
    raise source.NoSuchSplit(f"tfds:{builder.name} has no {split} split; it has {', '.join(have)}")


def _feature_keys(builder: Any) -> tuple[str, str | None]:
    """The keys of the image and of the label (None if there is none), the usual names first."""
    library, features = _library(), builder.info.features

    def first(kind, usual: str) -> str | None:
        keys = [key for key, feature in features.items() if isinstance(feature, kind)]
        return usual if usual in keys else next(iter(keys), None)

    image = first(library.features.Image, "image")
    if image is None:
        raise UserError(f"tfds:{builder.name} has no images; its features are {', '.join(features)}")
    if features[image].np_dtype not in (np.uint8, np.uint16):
        kind = np.dtype(features[image].np_dtype).name
        raise UserError(f"tfds:{builder.name} has {kind} images; legal: uint8 or uint16")
    return image, first(library.features.ClassLabel, "label")


def _image_shape(feature: Any, name: str, config) -> tuple[int, int, int]:
    size = parse_image_size(config.image_size) or feature.shape[:2]
    if None in size:
        raise UserError(f"the images of tfds:{name} differ in size; give --image_size, such as --image_size=64")
    return (*size, config.channels or (1 if feature.shape[2] == 1 else 3))


def _records(builder: Any, split_name: str) -> tuple[Callable[[np.ndarray], list[bytes]], int]:
    """A function from indices to serialised examples, and how many there are."""
    library = _library()
    if builder.info.file_format == library.core.FileFormat.TFRECORD:
        records = Records([os.fspath(path) for path in builder.info.splits[split_name].filepaths])
        return records.read, len(records)
    if builder.info.file_format != library.core.FileFormat.ARRAY_RECORD:
        stored_as = builder.info.file_format.value
        raise UserError(f"tfds:{builder.name} is stored as {stored_as}; legal: tfrecord, array_record")
    stored = builder.as_data_source(split_name, deserialize_method=library.decode.DeserializeMethod.RAW_BYTES)
    return lambda indices: stored.__getitems__(indices.tolist()), len(stored)


def _decode(
    records: list[bytes], image_key: str, keys: Sequence[str], shape: tuple[int, int, int], name: str
) -> tuple[np.ndarray, np.ndarray]:
    """Serialised tf.train.Examples -> uint8 [n, *shape], and the numbers of some features: int64 [n, keys].

    Raises:
      UserError: an image that can't be decoded.
    """
    from tensorflow.core.example import example_pb2  # TensorFlow loads with it; so only when it is needed.

    images = np.empty((len(records), *shape), np.uint8)
    values = np.zeros((len(records), len(keys)), np.int64)
    encoded = []
    for place, record in enumerate(records):
        feature = example_pb2.Example.FromString(record).features.feature
        encoded.append(feature[image_key].bytes_list.value[0])
        values[place] = [feature[key].int64_list.value[0] for key in keys]
    one = functools.partial(decode.decode, size=shape[:2], channels=shape[2])
    large = encoded and len(encoded[0]) > _WORTH_THREADS
    try:
        for place, pixels in enumerate(decode.in_threads(one, encoded) if large else map(one, encoded)):
            images[place] = pixels
    except decode.BadImage as error:
        raise UserError(f"tfds:{name} holds an image that can't be decoded: {error}") from error
    return images, values
