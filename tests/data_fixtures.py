"""Small data sets for the data tests: configs, IDX bytes, image files and a TFDS builder."""

import io
import struct
from types import SimpleNamespace

import numpy as np
from PIL import Image


def config(dataset: str, **changes) -> SimpleNamespace:
    """The attributes of a Config that the data package reads."""
    values = dict(
        dataset=dataset,
        data_dir="",
        cache_dir="",
        image_size="",
        channels=0,
        max_bad_fraction=0.01,
        value_range="",
        binarize=False,
        invert=False,
        train_examples=0,
        held_out=0.0,
        attributes="",
        attribute_names="",
        seed=1,
    )
    return SimpleNamespace(**(values | changes))


def random_images(count: int, height: int = 8, width: int = 8, channels: int = 1, seed: int = 0) -> np.ndarray:
    """uint8 [count, height, width, channels] noise: no two images are alike."""
    return np.random.default_rng(seed).integers(0, 256, (count, height, width, channels), dtype=np.uint8)


def flowers(folder, count: int, test_count: int):
    """Prepares the TFDS dataset `tiny_pictures` as oxford_flowers102 is: labelled JPEGs of all sizes; the images."""
    random = np.random.default_rng(0)
    sizes = random.integers(20, 60, (count, 2))
    coarse = [Image.fromarray(random.integers(0, 256, (3, 3, 3), np.uint8)) for _ in range(count)]
    images = [
        np.asarray(one.resize(tuple(size), Image.Resampling.BICUBIC)) for one, size in zip(coarse, sizes, strict=True)
    ]
    labels, names = np.arange(count) % 3, ("pink primrose", "rose", "tiger lily")
    tiny_tfds(folder, images, labels, names, test_count, shape=(None, None, 3), encoding="jpeg")
    return images


def idx_bytes(array: np.ndarray) -> bytes:
    """An IDX file of unsigned bytes, written from the format's description."""
    return struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.astype(np.uint8).tobytes()


def image_bytes(image: Image.Image, form: str = "PNG", **options) -> bytes:
    file = io.BytesIO()
    image.save(file, form, **options)
    return file.getvalue()


def png(pixels: np.ndarray) -> bytes:
    """A PNG of uint8 [H, W, 1 or 3]."""
    return image_bytes(Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels))


def tiny_tfds(
    folder, images, labels: np.ndarray, names, test_count: int = 4, shape=None, file_format=None, encoding=None
):
    """Prepares the TFDS dataset `tiny_pictures` in `folder` by TFDS's own writer, without a download."""
    import tensorflow_datasets as tfds

    # Unregistered, so that it is read back from its files alone, as data from elsewhere are.
    class TinyPictures(tfds.core.GeneratorBasedBuilder, skip_registration=True):
        """Random pictures; TFDS reads the class's docstring as the description."""

        VERSION = tfds.core.Version("1.0.0")
        name = "tiny_pictures"

        def _info(self):
            return self.dataset_info_from_configs(
                features=tfds.features.FeaturesDict(
                    {
                        "image": tfds.features.Image(shape=shape or images.shape[1:], encoding_format=encoding),
                        "label": tfds.features.ClassLabel(names=list(names)),
                    }
                )
            )

        def _split_generators(self, dl_manager):
            return {
                "train": self._generate_examples(test_count, len(images)),
                "test": self._generate_examples(0, test_count),
            }

        def _generate_examples(self, begin, end):
            for number in range(begin, end):
                yield number, {"image": images[number], "label": int(labels[number])}

    builder = TinyPictures(data_dir=str(folder), file_format=file_format)
    builder.download_and_prepare()
    return builder
