"""Attribute vectors: how they are read and packed, what they do in the networks, and what commands make of them."""

import json
import pathlib
import shutil
import signal
import sys
import time

import numpy as np
import pytest
import tensorflow as tf

from tests import binaries, processes, tiny
from tests.data_fixtures import config, png, random_images
from tfgan_train import Config, UserError, data, evaluate, load, project, sample, train
from tfgan_train.common import attributes
from tfgan_train.data import attribute_table, reading
from tfgan_train.models import build_networks
from tfgan_train.models.norms import AttributeBatchNorm, ConditionalBatchNorm
from tfgan_train.ops.attributes import drawn, vectors
from tfgan_train.report import sections
from tfgan_train.runs.directory import RunDir
from tfgan_train.runs.facts import read_run
from tfgan_train.runs.sampler import Sampler

NAMES, COUNT = ("round", "red", "tall"), 24
ROWS = np.random.default_rng(3).integers(0, 2, (COUNT, 3))


def write_folder(root: pathlib.Path, side: int = 16) -> pathlib.Path:
    """A folder of noise with attributes.csv."""
    root.mkdir(parents=True, exist_ok=True)
    for i, image in enumerate(random_images(COUNT, side, side)):
        (root / f"{i:02d}.png").write_bytes(png(image))
    lines = [",".join(["file", *NAMES])]
    lines += [f"{i:02d}.png," + ",".join(map(str, row)) for i, row in enumerate(ROWS)]
    (root / "attributes.csv").write_text("\n".join(lines) + "\n")
    return root


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_folder(tmp_path_factory.mktemp("attributes") / "pictures")


def _load(root, **options):
    return data.load(config(f"folder:{root}", attributes="attributes.csv", **options))


# --- reading


def test_a_folder_s_table_becomes_bits(folder):
    source = _load(folder)
    assert (source.attributes, source.num_classes, source.label_names) == (NAMES, 0, ())
    labels = source.read(np.arange(COUNT))[1]
    np.testing.assert_array_equal(attributes.unpacked(labels, 3), ROWS)
    np.testing.assert_array_equal(vectors(tf.constant(labels), 3), ROWS)
    two = _load(folder, attribute_names="tall,round")
    np.testing.assert_array_equal(attributes.unpacked(two.read(np.arange(COUNT))[1], 2), ROWS[:, [2, 0]])
    assert len({reading.fingerprint(one) for one in (source, two, data.load(config(f"folder:{folder}")))}) == 3


def test_celeba_s_own_table_and_class_folders(tmp_path):
    for i, image in enumerate(random_images(4, 8, 8)):
        (tmp_path / "pictures" / "ab"[i % 2]).mkdir(parents=True, exist_ok=True)
        (tmp_path / "pictures" / "ab"[i % 2] / f"{i}.png").write_bytes(png(image))
    lines = ["4", "Smiling Hat", *(f"{i}.png  {1 if i > 1 else -1} -1" for i in range(4))]
    (tmp_path / "list_attr.txt").write_text("\n".join(lines))  # It lies beside the folder.
    source = data.load(config(f"folder:{tmp_path}/pictures", attributes="list_attr.txt"))
    assert source.attributes == ("Smiling", "Hat")
    assert source.read(np.arange(4))[1].tolist() == [0, 1, 0, 1]  # a/0, a/2, b/1, b/3


@pytest.mark.parametrize(
    "text, said",
    [
        ("file,a\n", "has no row for 00.png and 23 more pictures"),
        ("file,a\n00.png,2\n", "line 2: a is '2'; legal: 0 or 1"),
        ("file,a\n00.png\n", "line 2 has 1 columns, and the first line 2"),
        ("file,a\n00.png,1\n00.png,0\n", "line 3: 00.png has another row above"),
        ("file\n", "its first line must be"),
        ("file,a,a\n", "its first line must be"),
        ("", "its first line must be"),
        (b"\xff\xfe\x00", "is no text in UTF-8"),
    ],
)
def test_a_bad_table_is_one_line(folder, tmp_path, text, said):
    path = tmp_path / "bad.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(UserError, match="^--attributes=") as caught:
        data.load(config(f"folder:{folder}", attributes=str(path)))
    assert said in str(caught.value) and "\n" not in str(caught.value)


def test_names_and_values_that_are_none_are_one_line(folder):
    for names, said in (("round,rde", "did you mean red"), ("red,red", "stands in it twice")):
        with pytest.raises(UserError, match=said):
            _load(folder, attribute_names=names)
    for text, said in (("rde=1", "did you mean red"), ("red=2", "legal: 0 or 1"), ("red", "is not NAME=0")):
        with pytest.raises(UserError, match=said):
            attributes.parse("--attributes", text, NAMES)
    assert attributes.parse("--attributes", "red=1, tall=0", NAMES) == {"red": 1, "tall": 0}
    with pytest.raises(UserError, match="have 40 attributes; name up to 31"):
        attributes.chosen("--attribute_names", "", [str(i) for i in range(40)])
    with pytest.raises(UserError, match="no such file"):
        data.load(config(f"folder:{folder}", attributes="none.csv"))


def test_a_file_of_its_own_place_is_kept_by_its_absolute_path(folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copy(folder / "attributes.csv", tmp_path / "mine.csv")
    assert attribute_table.located("mine.csv", f"folder:{folder}") == str(tmp_path / "mine.csv")
    assert attribute_table.located("attributes.csv", f"folder:{folder}") == "attributes.csv"


def test_a_tfds_dictionary_of_booleans(tmp_path):
    images = random_images(6, 8, 8)
    _tfds_with_attributes(tmp_path, images, ROWS[:6])

    def found(**options):
        return data.load(config("tfds:tiny_faces", data_dir=str(tmp_path), attributes="traits", **options))

    source = found()
    pixels, labels = source.read(np.arange(source.count))
    expected = {image.tobytes(): row.tolist() for image, row in zip(images, ROWS, strict=False)}
    order = [NAMES.index(name) for name in source.attributes]
    assert sorted(source.attributes) == sorted(NAMES) and source.num_classes == 0
    for image, row in zip(pixels, attributes.unpacked(labels, 3), strict=True):
        assert [expected[image.tobytes()][i] for i in order] == row.tolist()
    kept = found(cache_dir=str(tmp_path / "cache"))
    assert kept.attributes == source.attributes
    np.testing.assert_array_equal(kept.read(np.arange(kept.count))[1], labels)
    with pytest.raises(UserError, match="--attributes=image is no feature of .* it has traits"):
        data.load(config("tfds:tiny_faces", data_dir=str(tmp_path), attributes="image"))


def _tfds_with_attributes(folder, images, rows):
    import tensorflow_datasets as tfds

    class TinyFaces(tfds.core.GeneratorBasedBuilder, skip_registration=True):
        """Random pictures with traits."""

        VERSION = tfds.core.Version("1.0.0")
        name = "tiny_faces"

        def _info(self):
            features = {"image": tfds.features.Image(shape=(8, 8, 1)), "traits": dict.fromkeys(NAMES, np.bool_)}
            return self.dataset_info_from_configs(features=tfds.features.FeaturesDict(features))

        def _split_generators(self, manager):
            return {"train": self._generate_examples()}

        def _generate_examples(self):
            for i, (image, row) in enumerate(zip(images, rows, strict=True)):
                yield i, {"image": image, "traits": {name: bool(on) for name, on in zip(NAMES, row, strict=True)}}

    TinyFaces(data_dir=str(folder)).download_and_prepare()


# --- networks


def _facts():
    return tiny.facts(attributes=NAMES)


@pytest.fixture(scope="module")
def networks():
    return build_networks(tiny.config(conditional=True, attributes="a"), _facts())


def test_d_s_logit_moves_by_the_linear_layer_times_its_features(networks):
    """Projection (Miyato and Koyama 2018) of attributes a: psi(phi) + a V phi, here from V and phi in float64."""
    discriminator = networks[1]
    x = tf.random.stateless_uniform([8, *tiny.SHAPE], [1, 2], -1, 1)
    bits = tf.range(8)
    discriminator.embedding.table.assign(tf.random.stateless_normal(discriminator.embedding.table.shape, [3, 4]))
    features = discriminator.features(x, bits).numpy().astype(np.float64)
    table = discriminator.embedding.table.numpy().astype(np.float64)
    rows = np.array([[i >> k & 1 for k in range(3)] for i in range(8)], np.float64)
    moved = (discriminator(x, bits) - discriminator(x, tf.zeros([8], tf.int32))).numpy()
    np.testing.assert_allclose(moved, ((rows @ table) * features).sum(1), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("architecture", ["dcgan", "mlp", "resnet", "r3gan", "style"])
def test_bits_and_vectors_are_the_same_in_both_networks_and_each_attribute_tells(architecture):
    settings = tiny.config(architecture=architecture, conditional=True, attributes="a", d_norm="none")
    generator, discriminator = build_networks(settings, _facts())
    for network in (generator, discriminator):  # Some tables begin at 0.
        for variable in network.trainable_variables:
            if "label" in variable.path or "scale" in variable.path or "shift" in variable.path:
                variable.assign(tf.random.stateless_normal(variable.shape, [5, 6]))
    z, bits = tf.random.stateless_normal([4, 6], [1, 2]), tf.constant([0, 1, 2, 4])
    x = tf.random.stateless_uniform([4, *tiny.SHAPE], [1, 2], -1, 1)
    for network, given in ((generator, tf.repeat(z[:1], 4, 0)), (discriminator, tf.repeat(x[:1], 4, 0))):
        by_bits, by_vectors = network(given, bits), network(given, vectors(bits, 3))
        np.testing.assert_array_equal(by_bits, by_vectors)
        assert len({one.numpy().tobytes() for one in by_bits}) == 4


def test_the_norm_is_affine_in_the_attributes():
    x = np.random.default_rng(0).normal(3, 2, (6, 4, 4, 5)).astype(np.float32)
    rows = np.random.default_rng(1).integers(0, 2, (6, 3)).astype(np.float32)
    norm = AttributeBatchNorm(3)
    norm(x, rows)
    gamma, beta, scale, shift = (np.random.default_rng(i).normal(size=s) for i, s in enumerate([5, 5, (3, 5), (3, 5)]))
    for variable, value in zip(
        (norm.gamma, norm.beta, norm.scale, norm.shift), (gamma, beta, scale, shift), strict=True
    ):
        variable.assign(value)
    wide = x.astype(np.float64)
    normalised = (wide - wide.mean((0, 1, 2))) / np.sqrt(wide.var((0, 1, 2)) + 1e-5)
    expected = normalised * (gamma + rows @ scale)[:, None, None] + (beta + rows @ shift)[:, None, None]
    np.testing.assert_allclose(norm(x, rows, training=True), expected, rtol=1e-4, atol=1e-4)
    by_label = ConditionalBatchNorm(3)
    by_label(x, np.zeros(6, np.int32))
    by_label.gamma.assign(gamma + scale)
    by_label.beta.assign(beta + shift)
    label = np.array([0, 1, 2, 0, 1, 2], np.int32)
    one_hot = np.eye(3, dtype=np.float32)[label]
    np.testing.assert_allclose(norm(x, one_hot, training=True), by_label(x, label, training=True), rtol=1e-5, atol=1e-5)


def test_drawn_attributes_are_rows_of_the_data_but_for_the_fixed_ones():
    rows = [0, 5, 5, 7]
    found = drawn(7, tf.range(40_000), rows, {}).numpy()
    shares = np.bincount(found, minlength=8) / len(found)
    np.testing.assert_allclose(shares, [0.25, 0, 0, 0, 0, 0.5, 0, 0.25], atol=0.01)
    fixed = drawn(7, tf.range(1000), rows, {0: 0, 1: 1}).numpy()
    np.testing.assert_array_equal(fixed, (found[:1000] & ~1) | 2)


# --- commands

SETTINGS = dict(recipe="smoke", attributes="attributes.csv", steps=6, batch_size=8, checkpoint_every=4, log_every=2)


@pytest.fixture(scope="module")
def run(folder, tmp_path_factory):
    path = tmp_path_factory.mktemp("runs") / "run"
    train(Config(**SETTINGS, dataset=f"folder:{folder}", run_dir=str(path)))
    return path


def test_a_run_knows_its_attributes_and_shows_them(run):
    stored = json.loads((run / "config.json").read_text())
    assert stored["config"]["conditional"] and stored["data"]["attributes"] == list(NAMES)
    assert stored["data"]["attribute_rows"] == attributes.packed(ROWS).tolist()
    assert "Each attribute off and on" in (run / "report.html").read_text()
    assert (run / "samples" / "attributes.png").is_file()


def test_sample_fixes_what_is_asked_for(run, tmp_path, capsys):
    loaded = load(run).loaded
    sampler = Sampler(loaded.generator, loaded.config, loaded.data, attributes={"red": 1, "tall": 0})
    labels = sampler.labels(3, tf.range(5)).numpy()
    free = drawn(3, tf.range(5), loaded.data.attribute_rows, {}).numpy()
    np.testing.assert_array_equal(labels, (free | 2) & ~4)
    out = tmp_path / "x.npz"
    asked = ("--num=5", "--seed=3", "--attributes=red=1,tall=0", f"--out={out}")
    assert binaries.call(sample.main, f"--run_dir={run}", *asked).status == 0
    z = sampler.latents(3, tf.range(5))
    expected = next(sampler.of(z.numpy(), attributes.unpacked(labels, 3)))
    with np.load(out) as arrays:
        np.testing.assert_array_equal(arrays["images"], expected)
    np.testing.assert_array_equal(load(run).generate(5, 3, attributes={"red": 1, "tall": 0}), expected)


def test_evaluate_scores_such_a_run_and_project_finds_its_latents(run, folder, tmp_path):
    shutil.copytree(run, copy := tmp_path / "run")
    asked = ("--num=24", "--features=pixels", "--metrics=frechet")
    done = binaries.call(evaluate.main, f"--run_dir={copy}", *asked)
    assert done.status == 0, done.err
    images = f"--images={folder}"
    few = ("--num=2", "--iterations=2", "--restarts=1")
    done = binaries.call(project.main, f"--run_dir={copy}", images, f"--out={tmp_path / 'found'}", *few)
    assert done.status == 0, done.err
    with np.load(tmp_path / "found" / "latents.npz") as found:
        assert found["label"].max() < 8
    back = (f"--latents={tmp_path / 'found' / 'latents.npz'}", f"--out={tmp_path / 'x.npz'}")
    assert binaries.call(sample.main, f"--run_dir={copy}", *back).status == 0


@pytest.mark.parametrize(
    "flag, said",
    [
        ("--attributes=rde=1", "did you mean red"),
        ("--attributes=red=x", "legal: 0 or 1"),
        ("--label=1", "has attributes"),
    ],
)
def test_what_sample_cannot_draw_is_one_line(run, tmp_path, flag, said):
    done = binaries.call(sample.main, f"--run_dir={run}", f"--out={tmp_path / 'x.png'}", flag)
    assert done.status == 2 and said in done.err and done.err.count("\n") == 1 and not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "changes, said",
    [
        (dict(conditional=False), "would do nothing with --noconditional"),
        (dict(d_conditioning="acgan"), "legal: projection, concat"),
        (dict(attributes=""), "--conditional needs labelled data"),
    ],
)
def test_settings_that_cannot_go_with_them_are_one_line(folder, tmp_path, changes, said):
    settings = SETTINGS | dict(dataset=f"folder:{folder}", run_dir=str(tmp_path / "x"), conditional=True) | changes
    with pytest.raises(UserError, match=said):
        train(Config(**settings))
    assert not list(tmp_path.iterdir())


def test_attributes_that_do_not_match_the_run_are_one_line(run, folder, tmp_path):
    shutil.copytree(run, tmp_path / "run")
    other = write_folder(tmp_path / "other")
    text = (other / "attributes.csv").read_text()
    (other / "attributes.csv").write_text(text.replace("red", "blue", 1))
    with pytest.raises(UserError, match="the data now have round, blue, tall, but .* begun with round, red, tall"):
        train(Config(**SETTINGS | dict(steps=8), dataset=f"folder:{other}", run_dir=str(tmp_path / "run")))
    child = dict(from_run=str(run), run_dir=str(tmp_path / "child"), attributes="attributes.csv", steps=1, batch_size=8)
    with pytest.raises(UserError, match="--from_run=.* learnt the attributes round, red, tall, and this run's data"):
        train(Config(**child, dataset=f"folder:{other}"))
    train(Config(**child, dataset=f"folder:{folder}"))
    notes = json.loads((tmp_path / "child" / "config.json").read_text())["parent"]["notes"]
    assert len(notes) == 1 and "begun from" in notes[0]  # All of it fits.


@pytest.mark.parametrize("name", ["attributes", "attribute_rows"])
@pytest.mark.parametrize("wrong", [5, "abc", None, [5.5], [None], [["x"]], [-1], [2**40], [], {"a": 1}])
def test_facts_that_are_none_are_one_line_and_pages_do_without(run, tmp_path, name, wrong):
    stored = json.loads((run / "config.json").read_text())
    stored["data"][name] = wrong
    (tmp_path / "config.json").write_text(json.dumps(stored))
    with pytest.raises(UserError, match="config.json is damaged"):
        RunDir(tmp_path).read()
    facts = read_run(tmp_path)
    assert "24 images" in sections.data(facts) and "ADA" in sections.advice(facts)


@pytest.mark.slow
def test_killed_and_resumed_is_bit_identical(folder, tmp_path):
    flags = [f"--{name}={value}" for name, value in (SETTINGS | dict(steps=30, checkpoint_every=5)).items()]
    flags = [sys.executable, "-m", "tfgan_train.main", f"--dataset=folder:{folder}", *flags]
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    assert processes.run([*flags, f"--run_dir={whole}"], capture_output=True).returncode == 0
    process = processes.Popen([*flags, f"--run_dir={broken}"])
    while not (broken / "checkpoints" / "00000010").exists():
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert processes.run([*flags, f"--run_dir={broken}"], capture_output=True).returncode == 0
    first, second = (load(path).loaded for path in (whole, broken))
    for network in ("generator", "discriminator"):
        for one, other in zip(getattr(first, network).variables, getattr(second, network).variables, strict=True):
            np.testing.assert_array_equal(one.numpy(), other.numpy())
