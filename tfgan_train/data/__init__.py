"""Datasets by name. To add one, write a file with `load` and add its `Dataset` to DATASETS."""

import os
from collections.abc import Iterable

from tfgan_train.common.errors import UserError, nearest
from tfgan_train.data import (
    array_data,
    attribute_table,
    csv_file,
    folder,
    glyphs,
    held_out,
    idx,
    mnist,
    mnist10k,
    own,
    points,
    reading,
    stacked_mnist,
    tfds,
    transform,
    zipped,
)
from tfgan_train.data.dataset import Dataset
from tfgan_train.data.source import NoSuchSplit, Source, remembered

GIVEN = "given"  # --dataset of a run whose data were passed from Python


def _given(config, split: str) -> Source:
    raise UserError(
        "this run's data were passed from Python and aren't kept with it; pass them again: train(config, data=...) "
        "to go on, load(run_dir, data=...) to evaluate, or --dataset=npz:FILE with the same images to a command"
    )


DATASETS = {
    "mnist": Dataset(
        mnist.load,
        "60,000 digits by TFDS; the 10,000 that ship where they can't be had",
        settings=frozenset({"data_dir"}),
    ),
    "mnist10k": Dataset(mnist10k.load, "the 10,000 digits that ship with the package"),
    "glyphs": Dataset(glyphs.load, "the letters A-J drawn from this machine's fonts, as notMNIST"),
    "stacked_mnist": Dataset(
        stacked_mnist.load, "three digits as the colours of one image: 1,000 modes", recipe="stacked_mnist"
    ),
    "ring2d": Dataset(points.load, "points from 8 Gaussians on a circle", recipe="ring2d"),
    "grid2d": Dataset(points.load, "points from 25 Gaussians on a grid", recipe="grid2d"),
    "tfds": Dataset(
        tfds.load,
        "an image data set of tensorflow_datasets, or a slice: NAME[train[:80%]]",
        argument="NAME",
        recipe="photos",
        recipes={"mnist": "digits", "fashion_mnist": "digits", "kmnist": "digits"},
        settings=frozenset({"data_dir", "cache_dir", "attributes", "attribute_names"}),
    ),
    "idx": Dataset(idx.load, "a folder with files of MNIST's format", argument="FOLDER"),
    "folder": Dataset(
        folder.load,
        "a folder of images; its folders are the labels",
        argument="FOLDER",
        recipe="photos",
        settings=frozenset({"max_bad_fraction", "value_range", "cache_dir", "attributes", "attribute_names"}),
    ),
    "npz": Dataset(
        array_data.load,
        "arrays in a file: images and labels, or x_train and y_train",
        argument="FILE",
        endings=(".npz", ".npy"),
    ),
    "zip": Dataset(
        zipped.load,
        "an archive of images, read as a folder is",
        argument="FILE",
        recipe="photos",
        endings=(".zip",),
        settings=frozenset({"max_bad_fraction", "value_range"}),
    ),
    "csv": Dataset(csv_file.load, "an image in each row: label,pixel0,pixel1,…", argument="FILE", endings=(".csv",)),
    "python": Dataset(
        own.load, "what a function of your own returns", argument="package.module:function", recipe="photos"
    ),
    GIVEN: Dataset(_given, help=""),
}


def load(config, split: str = "train") -> Source:
    """The split ("train" or "test") of --dataset, with the flags that shape it applied.

    Where all pixels fit into memory each example is read from disk once, at its first use.

    Args:
      config: has the attributes dataset, data_dir, cache_dir, image_size, channels, max_bad_fraction,
        binarize, invert, held_out, train_examples, attributes and attribute_names.
      split: "train", or "test" for images that training never sees.

    Raises:
      NoSuchSplit: the data have no such split.
      UserError: an unknown name, missing or damaged data, or an illegal option.
    """
    held_out.check(config)
    source = remembered(transform.apply(config, entry(config.dataset).load(config, split), split))
    if source.count < 2:
        if split != "train":
            raise NoSuchSplit(f"{source.name} has only one {split} image")
        raise UserError(f"{source.name} has only one image; at least 2 are needed")
    return source


def located(dataset: str) -> str:
    """--dataset with the folder or file that it names as an absolute path, so that it is one by any spelling.

    A file with an ending of its own may stand alone, or after "folder:".
    """
    name, _, argument = dataset.partition(":")
    path = argument if name == "folder" else dataset
    if (kind := _kind_of_file(path)) and os.path.isfile(os.path.expanduser(path)):
        name, argument = kind, path
    if argument and name in DATASETS and DATASETS[name].is_path:
        return f"{name}:{os.path.abspath(os.path.expanduser(argument))}"
    return dataset


def located_attributes(attributes: str, dataset: str) -> str:
    """--attributes as it is kept: a file that isn't in or beside the folder as an absolute path."""
    return attribute_table.located(attributes, located(dataset))


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
    kind, now = config.dataset.partition(":")[0], located(dataset)
    # Data that were passed from Python may have come from anywhere.
    if config.dataset != GIVEN and (not may_move(config.dataset) or not now.startswith(f"{kind}:")):
        raise UserError(
            f"--dataset={dataset}: the run was trained on {config.dataset}; "
            "only a folder or file that was moved can be named anew"
        )
    config = config.replace(dataset=now)
    if facts.fingerprint and reading.fingerprint(load(config)) != facts.fingerprint:
        raise UserError(f"--dataset={dataset} has other images or labels than those that the run was trained on")
    return config


def load_held_out(config) -> Source | None:
    """The test split of --dataset, or None where the data have none."""
    try:
        return load(config, "test")
    except NoSuchSplit:
        return None


def may_move(dataset: str) -> bool:
    """Whether --dataset names a folder or file, which may be moved between two commands."""
    return entry(dataset).is_path


def recipe(dataset: str) -> str:
    """The recipe of a run that names none; of a --dataset that isn't known, the first one's."""
    name, _, argument = located(dataset).partition(":")
    known = DATASETS.get(name, DATASETS["mnist"])
    return known.recipes.get(argument.partition("[")[0], known.recipe)  # without a TFDS slice


def _kind_of_file(path: str) -> str | None:
    """The dataset that a file is by its ending."""
    ending = os.path.splitext(path)[1].lower()
    return next((name for name, known in DATASETS.items() if ending in known.endings), None)


def names() -> list[str]:
    """Every legal form of --dataset, for messages."""
    return [known.form(name) for name, known in DATASETS.items() if name != GIVEN]


def check_name(dataset: str) -> None:
    """Raises UserError with the nearest legal names unless --dataset has a legal form."""
    entry(dataset)


def check_settings(dataset: str, given: Iterable[str]) -> None:
    """Raises UserError where a setting that was given is read by other datasets only."""
    read = entry(dataset).settings
    for setting in sorted(given):
        readers = [known.form(name) for name, known in DATASETS.items() if setting in known.settings]
        if readers and setting not in read:
            raise UserError(
                f"--{setting} would do nothing here: it goes with --dataset={' or '.join(readers)} only; leave it out"
            )


def entry(dataset: str) -> Dataset:
    """The entry of DATASETS that --dataset names.

    Raises:
      UserError: with the nearest legal names, where there is none.
    """
    name, colon, argument = dataset.partition(":")
    if name in DATASETS and bool(argument) == bool(colon) == bool(DATASETS[name].argument):
        return DATASETS[name]
    hint = ""
    if name in DATASETS and colon and DATASETS[name].argument:
        hint = f"a name or folder must follow {name}:; "
    elif _kind_of_file(dataset):
        hint = "there is no such file; "
    elif os.path.isdir(dataset):
        hint = f"for a folder of images write folder:{dataset}; "
    elif name not in DATASETS:
        near = nearest(name, DATASETS)
        if near:
            hint = f"did you mean {' or '.join(near)}? "
    raise UserError(f"--dataset={dataset} is not known; {hint}legal: {', '.join(names())}")
