"""Settings: their types, the recipes under them, JSON in and out, and what may not be said."""

import dataclasses
import pathlib

import pytest

from tfgan_train.common.errors import UserError
from tfgan_train.config import recipes
from tfgan_train.config.checks import legal_values
from tfgan_train.config.fields import FIELDS, Config
from tfgan_train.runs.data_facts import DataFacts
from tfgan_train.runs.directory import RunDir
from tfgan_train.training import resuming, start
from tfgan_train.training.validation import validate

FLAGS = pathlib.Path(__file__).parent.parent / "flags"


def test_json_round_trip_keeps_every_value():
    config = Config(
        dataset="folder:ü/x", recipe="smoke", g_lr=1 / 3, epochs=0.7, conditional=True, augment="flip,cutout"
    )
    assert Config.from_json(config.to_json()) == config
    for name, field in FIELDS.items():
        assert type(getattr(config, name)) is field.type, name


def test_every_field_has_a_help_text_a_group_and_a_legal_default():
    for name, field in FIELDS.items():
        assert field.metadata["help"] and field.metadata["group"], name
        choices = legal_values(field)
        assert not choices or field.default in choices or (field.metadata["several"] and field.default == ""), name


def test_a_config_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Config(recipe="smoke").steps = 3


def test_replace_changes_what_is_named_and_nothing_else():
    config = Config(recipe="smoke", d_steps=3)
    changed = config.replace(g_lr=0.5)
    assert changed.g_lr == 0.5
    assert {**changed.as_dict(), "g_lr": config.g_lr} == config.as_dict()


# --- recipes


def test_every_flagfile_is_a_recipe_that_names_itself_and_is_legal():
    assert recipes.names() == sorted(path.stem for path in FLAGS.glob("*.flags"))
    for name in recipes.names():
        values = recipes.read(name)
        assert values["recipe"] == name
        assert values.keys() <= FIELDS.keys()
        config = Config(recipe=name)
        for flag, text in values.items():
            assert str(getattr(config, flag)).lower() == text.lower() or float(text) == getattr(config, flag), flag
        validate(config)


def test_the_dataset_chooses_the_recipe():
    for dataset in ("mnist", "mnist10k", "glyphs", "idx:somewhere"):
        assert Config(dataset=dataset).recipe == "digits"
    for dataset in ("folder:photos", "tfds:cifar10"):
        assert Config(dataset=dataset).recipe == "photos"
    assert Config(dataset="folder:photos", recipe="smoke").recipe == "smoke"


@pytest.mark.parametrize(
    "labelled, chosen, recipe",
    [
        (False, {"steps", "image_size", "augment", "conditional"}, "photos_style"),
        (True, {"steps"}, "photos"),
        (False, {"recipe"}, "photos"),
        (False, {"g_lr"}, "photos"),
        (False, {"generator"}, "photos"),
    ],
)
def test_images_without_labels_have_another_recipe_unless_one_or_a_network_is_chosen(labelled, chosen, recipe):
    assert recipes.fitting("photos", labelled, chosen) == recipe
    assert recipes.fitting("digits", labelled, chosen) == "digits"


def test_what_is_given_goes_before_the_recipe_and_the_recipe_before_the_defaults():
    config = Config(recipe="smoke", batch_size=7)
    assert config.batch_size == 7
    assert config.g_width == 4 != FIELDS["g_width"].default
    assert config.loss == FIELDS["loss"].default


def test_another_unit_of_length_replaces_the_recipes():
    assert (Config(recipe="smoke").steps, Config(recipe="smoke", epochs=2).steps) == (8, 0)
    assert Config(recipe="smoke", steps=3, epochs=1.5).epochs == 1.5  # which validate refuses


def test_a_flagfile_may_have_comments_and_booleans(tmp_path, monkeypatch):
    (tmp_path / "mine.flags").write_text(
        "# one\n// two\n\n--recipe=mine\n--conditional\n--noshared_z\n  --augment=a,b=c\n"
    )
    monkeypatch.setattr(recipes, "folder", lambda: tmp_path)
    assert recipes.read("mine") == {"recipe": "mine", "conditional": "true", "shared_z": "false", "augment": "a,b=c"}
    config = Config(recipe="mine")
    assert config.conditional is True and config.shared_z is False


@pytest.mark.parametrize(
    "line, said",
    [("steps=3", "line 1.*--flag=value"), ("--stepz=3", "stepz.*steps"), ("--steps=x", "steps=x.*whole number")],
)
def test_a_damaged_flagfile_is_said(tmp_path, monkeypatch, line, said):
    (tmp_path / "mine.flags").write_text(line + "\n")
    monkeypatch.setattr(recipes, "folder", lambda: tmp_path)
    with pytest.raises(UserError, match=said):
        Config(recipe="mine")


def test_a_complete_config_needs_no_recipe(monkeypatch):
    """A run from elsewhere, whose recipe this installation lacks, can still be read."""
    config = Config(recipe="smoke")
    monkeypatch.setattr(recipes, "names", lambda: [])
    monkeypatch.setattr(recipes, "folder", lambda: pathlib.Path("/nowhere"))
    assert Config.from_json(config.to_json()) == config
    assert config.replace(seed=2).seed == 2


# --- what may not be said


@pytest.mark.parametrize(
    "given, said",
    [
        ({"g_lrr": 1}, "unknown setting 'g_lrr'; did you mean g_lr"),
        ({"recipe": "smokee"}, "--recipe=smokee.*smoke"),
        ({"steps": "many"}, "--steps=many is not a whole number"),
        ({"steps": 2.5}, "--steps=2.5 is not a whole number"),
        ({"steps": True}, "--steps=True is not a whole number"),
        ({"steps": None}, "--steps=None is not a whole number"),
        ({"g_lr": "fast"}, "--g_lr=fast is not a number"),
        ({"conditional": "maybe"}, "--conditional=maybe is not true or false"),
        ({"dataset": None}, "--dataset=None is not text"),
    ],
)
def test_a_value_of_the_wrong_type_is_refused_by_its_name(given, said):
    with pytest.raises(UserError, match=said):
        Config(**given)


@pytest.mark.parametrize(
    "given, kept",
    [
        ({"steps": 3.0}, 3),
        ({"steps": "3"}, 3),
        ({"g_lr": 1}, 1.0),
        ({"g_lr": "1e-3"}, 1e-3),
        ({"conditional": "TRUE"}, True),
        ({"conditional": 0}, False),
    ],
)
def test_a_value_that_means_the_right_type_is_taken(given, kept):
    ((name, _),) = given.items()
    value = getattr(Config(recipe="smoke", **given), name)
    assert value == kept and type(value) is type(kept)


REFUSED = [
    ({"steps": 0}, "--steps or --epochs"),
    ({"steps": 5, "epochs": 1}, "--steps and --epochs"),
    ({"epochs": float("inf")}, "--epochs=inf"),
    ({"g_lr": 0}, "--g_lr=0.0 must be above 0"),
    ({"d_lr": -1e-3}, "--d_lr=-0.001 must be above 0"),
    ({"g_lr": float("nan")}, "--g_lr=nan"),
    ({"g_lr": float("inf")}, "--g_lr=inf"),
    ({"beta1": 1.0}, "--beta1=1.0 must be from 0"),
    ({"batch_size": 0}, "--batch_size=0 must be at least 1"),
    ({"seed": -1}, "--seed=-1 must be from 0 to 2147483647"),
    ({"seed": 2**31}, "--seed"),
    ({"label_flip": 0.6}, "--label_flip=0.6"),
    ({"d_dropout": 1.0}, "--d_dropout=1.0"),
    ({"channels": 2}, "--channels: '2'.*0, 1, 3"),
    ({"keep_checkpoints": 1}, "--keep_checkpoints=1"),
    ({"loss": "hing"}, "--loss.*'hing'.*hinge"),
    ({"penalty": "r3"}, "--penalty: 'r3'.*r1"),
    ({"architecture": "dcgam"}, "dcgan"),
    ({"g_optimizer": "adm"}, "--g_optimizer.*adam"),
    ({"precision": "float64"}, "--precision.*float32|float16"),
    ({"schedule": "cosin"}, "--schedule.*cosine"),
    ({"update": "together"}, "--update.*alternating, simultaneous"),
    ({"devices": "cpu:0"}, "--devices=cpu:0 is not auto, cpu:N or gpu:N"),
    ({"devices": "tpu:1"}, "--devices=tpu:1"),
    ({"image_size": "64X"}, "--image_size=64X"),
    ({"image_size": "0"}, "--image_size=0"),
    ({"image_size": "99999"}, "--image_size=99999"),
    ({"augment": "cutot"}, "--augment.*cutout"),
    ({"penalty": "r1", "penalty_weight": "automatic"}, "--penalty_weight=automatic is not a number or auto"),
    ({"penalty": "dragan", "d_norm": "none", "penalty_weight": "auto"}, "--penalty_weight=auto is for --penalty=r1"),
    ({"g_lr": "auto"}, "--g_lr=auto is not a number$"),
    ({"augment": "cutout,"}, "--augment"),
    ({"augment": "cutout, flip"}, "--augment"),
    ({"g_activation": "rellu"}, "--g_activation.*relu"),
    ({"d_activation": "maxout"}, "--d_activation.*maxout:5"),
    ({"g_activation": "leaky_relu:x"}, "--g_activation.*'x' is not a number"),
    ({"g_init": "norml"}, "--g_init.*normal"),
    ({"d_init": "normal:-1"}, "--d_init=normal:-1"),
    ({"g_init": "glorot:3x"}, "--g_init"),
    ({"loss": "wasserstein"}, "--loss=wasserstein needs --weight_clip"),
    ({"loss": "hinge", "label_smoothing": 0.1}, "--label_smoothing"),
    ({"penalty": "wgan_gp", "d_norm": "batch"}, "--penalty=wgan_gp.*--d_norm=layer"),
    ({"loss": "hinge", "fake_label_smoothing": 0.1}, "--fake_label_smoothing needs"),
    ({"burn_in_steps": 5}, "--burn_in_steps would do nothing alone.*--g_lr_start"),
    ({"burn_in_steps": 5, "g_lr_start": -0.5}, "--g_lr_start=-0.5 must be at least 0, or -1"),
    ({"burn_in_steps": 5, "penalty_weight_start": 1.0}, "--penalty_weight_start would do nothing without --penalty"),
    ({"burn_in_steps": 5, "augment_probability_start": 0.1}, "--augment_probability_start would .* without --augment"),
]


@pytest.mark.parametrize(
    "given, said", REFUSED, ids=[",".join(f"{k}={v}" for k, v in given.items()) for given, _ in REFUSED]
)
def test_an_illegal_value_is_refused_with_what_is_legal(given, said):
    with pytest.raises(UserError, match=said) as caught:
        validate(Config(recipe="smoke", **given))
    assert "\n" not in str(caught.value)


def test_an_automatic_penalty_is_stylegan2_adas_rule_for_the_size_and_the_batch(tmp_path):
    asked = Config(recipe="smoke", penalty="r1", penalty_weight="auto", batch_size=16)
    validate(asked)
    data = DataFacts("noise", 100, (64, 48, 3), 0, ())
    resolved = start.resolve(asked, data)
    assert resolved.penalty_weight == pytest.approx(0.0002 * 64 * 48 / 16)
    assert Config.from_json(resolved.to_json()) == resolved
    # The run has a number then, which the same command goes on with, and another number doesn't.
    run = RunDir(tmp_path)
    assert resuming.resumed(resolved, asked, ["penalty_weight"], run).penalty_weight == resolved.penalty_weight
    with pytest.raises(UserError, match="--penalty_weight=3.0, but the run"):
        resuming.resumed(resolved, asked.replace(penalty_weight=3.0), ["penalty_weight"], run)
