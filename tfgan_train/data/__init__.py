"""Datasets by name. To add one, write a file with `load` and add its line to DATASETS."""

import difflib
import os

from tfgan_train.common.errors import UserError
from tfgan_train.data import (
    array_data,
    folder,
    glyphs,
    held_out,
    idx,
    mnist,
    mnist10k,
    points,
    reading,
    stacked_mnist,
    tfds,
    transform,
)
from tfgan_train.data.source import NoSuchSplit, Source, remembered

GIVEN = "given"  # --dataset of a run whose data were passed from Python


def _given(config, split: str) -> Source:
    raise UserError(
        "this run's data were passed from Python and aren't kept with it; pass them again: train(config, data=...)"
    )


# Name -> (config, split) -> Source. A key that ends in a colon is a prefix: what follows it
# in --dataset says which data.
DATASETS = {
    "mnist": mnist.load,
    "mnist10k": mnist10k.load,
    "glyphs": glyphs.load,
    "stacked_mnist": stacked_mnist.load,
    "ring2d": points.load,
    "grid2d": points.load,
    "tfds:": tfds.load,
    "idx:": idx.load,
    "folder:": folder.load,
    "npz:": array_data.load,
    GIVEN: _given,
}


PLACES = ("folder:", "idx:", "npz:")  # datasets whose argument is a path
CACHED = ("folder:", "tfds:")  # datasets that are decoded, so that --cache_dir serves them


def load(config, split: str = "train") -> Source:
    """The split ("train" or "test") of --dataset, with the flags that shape it applied.

    Where all pixels fit into memory each example is read from disk once, at its first use.

    Args:
      config: has the attributes dataset, data_dir, cache_dir, image_size, channels, max_bad_fraction,
        binarize, invert, held_out and train_examples.
      split: "train", or "test" for images that training never sees.

    Raises:
      NoSuchSplit: the data have no such split.
      UserError: an unknown name, missing or damaged data, or an illegal option.
    """
    if config.cache_dir and not config.dataset.startswith(CACHED):
        raise UserError(
            f"--cache_dir would do nothing here: it goes with --dataset={' or '.join(CACHED)} only; leave it out"
        )
    held_out.check(config)
    source = remembered(transform.apply(config, _loader(config.dataset)(config, split), split))
    if source.count < 2:
        if split != "train":
            raise NoSuchSplit(f"{source.name} has only one {split} image")
        raise UserError(f"{source.name} has only one image; at least 2 are needed")
    return source


def located(dataset: str) -> str:
    """--dataset with the folder or file that it names as an absolute path, so that it is one by any spelling."""
    name, colon, argument = dataset.partition(":")
    if name + colon in PLACES and argument:
        return f"{name}:{os.path.abspath(os.path.expanduser(argument))}"
    return dataset


def moved(config, facts, dataset: str | None, data_dir: str | None):
    """A run's Config with its data where they are now.

    Args:
      config: the run's.
      facts: the run's DataFacts.
      dataset: --dataset as given, or None: where they were.
      data_dir: --data_dir as given, or None.

    Raises:
      UserError: when `dataset` names data of another kind, or others than the run's.
    """
    if data_dir is not None:
        config = config.replace(data_dir=data_dir)
    if config.cache_dir and not os.access(config.cache_dir, os.W_OK):  # It was another machine's.
        config = config.replace(cache_dir="")
    if dataset is None:
        return config
    kind = config.dataset.partition(":")[0]
    if kind + ":" not in PLACES or not dataset.startswith(f"{kind}:"):
        raise UserError(
            f"--dataset={dataset}: the run was trained on {config.dataset}; "
            "only a folder or file that was moved can be named anew"
        )
    config = config.replace(dataset=located(dataset))
    if facts.fingerprint and reading.fingerprint(load(config)) != facts.fingerprint:
        raise UserError(f"--dataset={dataset} has other images or labels than those that the run was trained on")
    return config


def load_held_out(config) -> Source | None:
    """The test split of --dataset, or None where the data have none."""
    try:
        return load(config, "test")
    except NoSuchSplit:
        return None


def names() -> list[str]:
    """Every legal form of --dataset, for messages."""
    arguments = {
        "tfds:": "tfds:NAME or tfds:NAME[train[:80%]]",
        "idx:": "idx:FOLDER",
        "folder:": "folder:FOLDER",
        "npz:": "npz:FILE",
    }
    return [arguments.get(key, key) for key in DATASETS if key != GIVEN]


def check_name(dataset: str) -> None:
    """Raises UserError with the nearest legal names unless --dataset has a legal form."""
    _loader(dataset)


def _loader(dataset: str):
    name, colon, argument = dataset.partition(":")
    key = name + colon
    if key in DATASETS and bool(colon) == bool(argument):
        return DATASETS[key]
    hint = ""
    if key in DATASETS:
        hint = f"a name or folder must follow {key}; "
    elif dataset.endswith(array_data.ENDINGS) and os.path.isfile(dataset):
        hint = f"for arrays in a file write npz:{dataset}; "
    elif os.path.isdir(dataset):
        hint = f"for a folder of images write folder:{dataset}; "
    else:
        near = difflib.get_close_matches(name, [key.rstrip(":") for key in DATASETS], n=2, cutoff=0.5)
        if near:
            hint = f"did you mean {' or '.join(near)}? "
    raise UserError(f"--dataset={dataset} is not known; {hint}legal: {', '.join(names())}")
