"""`mnist`: the full MNIST by TFDS, or the shipped digits where it can't be had."""

import dataclasses

from tfgan_train.data import mnist10k, source, tfds


def load(config, split: str) -> source.Source:
    """MNIST (28x28x1, ten labels, 60,000 training and 10,000 test images).

    Taken from a TFDS-prepared `mnist` in --data_dir or TFDS's own folder; else downloaded by
    TFDS; else the 10,000 digits in this package stand in, with a note that says so. TFDS's
    order is not the original one: for "the first 50,000" of the publication use idx:FOLDER.

    Raises:
      NoSuchSplit: the test split, where the shipped digits stand in.
      UserError: prepared data that are damaged.
    """
    try:
        builder = tfds.find_builder("mnist", config.data_dir)
        if not tfds.is_prepared(builder):
            tfds.prepare(builder, "mnist", config.data_dir)
    except tfds.Unavailable as error:
        shipped = mnist10k.load(config, split)
        note = f"training on the 10,000 real digits that ship with this package, because {error}"
        return dataclasses.replace(shipped, notes=(note,))
    return tfds.from_builder(builder, config, split)
