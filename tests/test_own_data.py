"""Data that people have as arrays: files, NumPy, tf.data, objects of their own; and what is refused."""

import types

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tests.data_fixtures import config, random_images
from tfgan_train import Config, UserError, data, train
from tfgan_train.data import from_python
from tfgan_train.runs import checkpoints
from tfgan_train.runs.directory import RunDir

IMAGES, LABELS = random_images(40, 8, 8), np.arange(40) % 4
SMALL = dict(recipe="smoke", architecture="mlp", g_width=4, d_width=4, steps=2, batch_size=8)


def _same(source, images=IMAGES, labels=LABELS):
    got, numbers = source.read(np.arange(source.count))
    np.testing.assert_array_equal(got, images)
    np.testing.assert_array_equal(numbers, labels)


def _of_two_sizes() -> tf.data.Dataset:
    """Batches of images, each of one size."""
    first, second = (tf.data.Dataset.from_tensors(np.zeros((3, side, side, 1), np.uint8)) for side in (8, 4))
    unknown = tf.TensorSpec([None, None, None, 1], tf.uint8)
    return tf.data.Dataset.from_generator(lambda: iter([*first, *second]), output_signature=unknown)


@pytest.mark.parametrize("names", [("images", "labels"), ("x_train", "y_train")])
def test_npz_files_as_keras_has_them(tmp_path, names):
    np.savez(
        tmp_path / "x.npz",
        **{
            names[0]: IMAGES[..., 0],
            names[1]: LABELS.astype(np.uint8),
            "x_test": IMAGES[:8, ..., 0],
            "y_test": LABELS[:8],
        },
    )
    source = data.load(config(f"npz:{tmp_path}/x.npz"))
    _same(source)
    assert source.num_classes == 4
    held_out = data.load(config(f"npz:{tmp_path}/x.npz"), "test")
    assert held_out.count == 8 and held_out.num_classes == 4


def test_a_file_of_one_array_has_no_labels(tmp_path):
    np.save(tmp_path / "x.npy", IMAGES)
    source = data.load(config(f"npz:{tmp_path}/x.npy"))
    assert source.num_classes == 0 and data.load_held_out(config(f"npz:{tmp_path}/x.npy")) is None


@pytest.mark.parametrize(
    "given",
    [
        (IMAGES, LABELS),
        (IMAGES[..., 0], LABELS),
        (IMAGES, LABELS[:, None]),
        tf.data.Dataset.from_tensor_slices((IMAGES, LABELS)),
        tf.data.Dataset.from_tensor_slices((IMAGES, LABELS)).batch(7),
    ],
)
def test_every_form_is_the_same_data(given):
    _same(from_python.as_source(given))


@pytest.mark.parametrize("low, high", [(0, 1), (-1, 1), (0, 255)])
def test_floats_within_their_range_are_the_bytes_they_came_from(low, high):
    floats = IMAGES.astype(np.float32) / 255 * (high - low) + low
    _same(from_python.as_source((floats, LABELS), (low, high)))


FLOATS = IMAGES.astype(np.float32) / 255


@pytest.mark.parametrize(
    "given, value_range, message",
    [
        (FLOATS, None, "say their range"),
        (FLOATS * 2, (0, 1), "go from 0 to 2, beyond"),
        (FLOATS - 0.5, (0, 1), "beyond"),
        (np.where(IMAGES == IMAGES.max(), np.nan, FLOATS), (0, 1), "NaN"),
        (IMAGES.astype(np.int64), None, "int64; legal"),
        (IMAGES[0, 0], None, r"must be \[N, H, W\]"),
        (np.zeros((4, 3, 32, 32), np.uint8), None, "1 to 8 channels"),
        (IMAGES[:0], None, "they are"),
        ((IMAGES, LABELS[:5]), None, r"labels must be integers \[40\]"),
        ((IMAGES, LABELS - 1), None, "labels go from -1"),
        ((IMAGES, LABELS * 1e6), None, "labels must be integers"),
        ((IMAGES, LABELS * 10**6), None, "look like no classes"),
        (tf.data.Dataset.from_tensor_slices(IMAGES).repeat(), None, "is infinite"),
        (tf.data.Dataset.from_tensor_slices(IMAGES).take(0), None, "is empty"),
        (tf.data.Dataset.from_tensor_slices((IMAGES, LABELS - 1)), None, "labels go from -1"),
        (tf.data.Dataset.from_tensor_slices((IMAGES, LABELS / 2)), None, "labels must be integers"),
        (tf.data.Dataset.from_tensor_slices(FLOATS * 2), (0, 1), "beyond value_range"),
        (tf.data.Dataset.from_tensor_slices({"image": IMAGES}), None, "must be of an image or"),
        (_of_two_sizes(), None, r"the images differ in size \(\[8, 8, 1\] and \[4, 4, 1\]\)"),
        (
            types.SimpleNamespace(count=40, image_shape=(8, 8), read=None),
            None,
            r"legal: 2 or more, and \[H, W, C\]",
        ),
    ],
)
def test_what_is_no_data_is_one_line(given, value_range, message):
    with pytest.raises(UserError, match=message) as told:
        from_python.as_source(given, value_range)
    assert "\n" not in str(told.value)


def test_a_run_on_arrays_resumes_with_the_same_ones_only(tmp_path):
    whole, cut = ({**SMALL, "run_dir": str(tmp_path / name)} for name in ("whole", "cut"))
    train(Config(**whole | {"steps": 4}), data=(IMAGES, LABELS), held_out=IMAGES[:9])
    train(Config(**cut), data=(IMAGES, LABELS))
    with pytest.raises(UserError, match="passed from Python .*pass them again"):
        train(Config(**cut | {"steps": 4, "dataset": "given"}))
    with pytest.raises(UserError, match="other images or labels"):
        train(Config(**cut | {"steps": 4}), data=(IMAGES[::-1], LABELS))
    run = train(Config(**cut | {"steps": 4}), data=tf.data.Dataset.from_tensor_slices((IMAGES, LABELS)))
    readers = [
        tf.train.load_checkpoint(checkpoints.latest(RunDir(path["run_dir"]).checkpoints_dir).prefix)
        for path in (whole, cut)
    ]
    for name in readers[0].get_variable_to_shape_map():
        if not name.startswith("_"):
            np.testing.assert_array_equal(*(reader.get_tensor(name) for reader in readers))
    assert run.generate(3).shape == (3, 8, 8, 1)


def test_an_object_with_the_sources_three_names_will_do():
    source = from_python.as_source(
        types.SimpleNamespace(
            count=40, image_shape=(8, 8, 1), read=lambda indices: (IMAGES[indices], np.zeros(len(indices), np.int32))
        )
    )
    _same(source, labels=np.zeros(40))


def _folder_of_classes(root):
    for index, image in enumerate(random_images(24, 16, 16, 3)):
        path = root / f"class{index % 2}" / f"{index}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(path)
    return str(root)


def test_photographs_learn_the_classes_of_their_folders_unless_told_not_to(tmp_path):
    from tfgan_train.training import start

    dataset = f"folder:{_folder_of_classes(tmp_path / 'data')}"
    prepared = start.prepare(Config(dataset=dataset, run_dir=str(tmp_path / "a"), batch_size=8))
    assert prepared.config.conditional and any("2 classes are learnt along" in note for note in prepared.data.notes)
    assert not start.prepare(
        Config(dataset=dataset, run_dir=str(tmp_path / "b"), batch_size=8, conditional=False)
    ).config.conditional


def test_photographs_without_labels_have_a_recipe_of_their_own(tmp_path):
    from tfgan_train.config import recipes
    from tfgan_train.training import start

    given = {"conditional": False, "steps": 7, "d_width": 8}
    asked = Config(dataset=f"folder:{_folder_of_classes(tmp_path)}", run_dir=str(tmp_path / "run"), **given)
    prepared = start.prepare(asked)
    assert prepared.config.recipe == recipes.as_installed("photos_style")
    assert any("--recipe=photos undoes it" in note for note in prepared.data.notes)
    expected = {**recipes.read(prepared.config.recipe), **given}
    for name in expected.keys() - {"precision"}:
        value = getattr(prepared.config, name)
        assert value == type(value)(expected[name]), name
    assert prepared.objective.g_lr == prepared.config.g_lr  # of the recipe that is trained
    start.write_config(prepared, prepared.run)
    again = start.prepare(asked)  # as `train` in Python asks a second time
    assert again.resumes and again.config == prepared.config


# --- a function of the user's


MODULE = """
import numpy as np

def images(split):
    return (np.full([20 if split == "train" else 6, 8, 8], 7, np.uint8), np.zeros(20 if split == "train" else 6, int))

def floats():
    return np.ones([20, 8, 8], np.float32), None, (-1, 1)

def dataset(split):
    import tensorflow as tf
    return tf.data.Dataset.from_tensor_slices(np.zeros([12, 8, 8, 1], np.uint8)) if split == "train" else None

def fails():
    return 1 / 0

NUMBER = 3
"""


@pytest.fixture
def users_module(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    name = f"users_data_{tmp_path.name}".replace("-", "_")
    (tmp_path / f"{name}.py").write_text(MODULE)
    return name


@pytest.mark.parametrize("function, count, held_out", [("images", 20, 6), ("floats", 20, None), ("dataset", 12, None)])
def test_a_function_of_the_users_gives_data(function, count, held_out, users_module):
    config = Config(dataset=f"python:{users_module}:{function}")
    source = data.load(config)
    assert (source.count, source.image_shape) == (count, (8, 8, 1))
    assert source.read(np.array([0]))[0].max() == {"images": 7, "floats": 255, "dataset": 0}[function]
    found = data.load_held_out(config)
    assert (found and found.count) == held_out


@pytest.mark.parametrize(
    "function, message",
    [
        ("fails", r"failed: ZeroDivisionError: division by zero \(.*\.py, line 15\)"),
        ("NUMBER", "is a int, not a function"),
        ("image", "did you mean images"),
    ],
)
def test_a_function_that_is_none_or_fails_is_one_line(function, message, users_module):
    with pytest.raises(UserError, match=message) as raised:
        data.load(Config(dataset=f"python:{users_module}:{function}"))
    assert "\n" not in str(raised.value)


class _Object:
    count, image_shape, num_classes = 40, (8, 8, 1), 4

    def __init__(self, images=IMAGES, labels=LABELS):
        self._images, self._labels = images, labels

    def read(self, indices):
        return self._images[indices], self._labels[indices]


@pytest.mark.parametrize(
    "images, labels, message",
    [
        (FLOATS, LABELS, r"read\(\) gave images float32"),
        (IMAGES[..., 0], LABELS, r"legal: uint8 \[40, 8, 8, 1\]"),
        (IMAGES, LABELS + 1, "labels go up to 4; legal: 0 to 3"),
        (IMAGES, LABELS - 1, "labels go from -1"),
    ],
)
def test_an_object_that_reads_something_else_is_one_line(images, labels, message):
    _same(from_python.as_source(_Object()))
    with pytest.raises(UserError, match=message) as told:
        from_python.as_source(_Object(images, labels)).read(np.arange(40))
    assert "\n" not in str(told.value)


def test_a_tf_dataset_beyond_the_memory_limit_goes_onto_disk(tmp_path, monkeypatch):
    from tfgan_train.data import source, tf_dataset

    monkeypatch.setattr(source, "MEMORY_LIMIT", 1000)  # 15 images
    monkeypatch.setattr(tf_dataset, "BATCH", 7)
    given = tf.data.Dataset.from_tensor_slices((IMAGES, LABELS))
    run = train(Config(**SMALL, run_dir=str(tmp_path / "run")), data=given)
    assert list((tmp_path / "run" / ".data" / "train").glob("*.records"))
    monkeypatch.undo()
    inside = train(Config(**SMALL, run_dir=str(tmp_path / "inside")), data=given)
    np.testing.assert_array_equal(run.generate(4), inside.generate(4))
    monkeypatch.setattr(source, "MEMORY_LIMIT", 1000)
    _same(from_python.as_source(given, folder=tmp_path / "again"))
    monkeypatch.setattr(tf_dataset, "MOST_OF_THE_DISK", 1e-12)
    with pytest.raises(UserError, match="does it end"):
        from_python.as_source(given, folder=tmp_path / "full")
    with pytest.raises(UserError, match="GiB of pixels"):
        from_python.as_source(given)


def test_what_keras_reads_from_a_directory(tmp_path):
    import keras

    root = _folder_of_classes(tmp_path / "data")
    loaded = keras.utils.image_dataset_from_directory(root, image_size=(16, 16), shuffle=False, verbose=False)
    found = from_python.as_source(loaded, (0, 255))
    assert found.label_names == ("class0", "class1") and found.count == 24
    images, labels = found.read(np.arange(24))
    names = sorted((tmp_path / "data").glob("*/*.png"))
    np.testing.assert_array_equal(images, [np.asarray(Image.open(name)) for name in names])
    assert labels.tolist() == [0] * 12 + [1] * 12
