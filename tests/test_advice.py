"""The rules of advice: what each says of which data, that all who ask get the same, and that the page has them."""

import dataclasses
import pathlib
import re
import shlex

import numpy as np
import pytest

from tests.data_fixtures import config, random_images
from tests.made_run import make_run
from tfgan_train import Config, data
from tfgan_train.config import advice, recipes
from tfgan_train.config.advice import Images
from tfgan_train.inspection import gather, recommend
from tfgan_train.report import sections
from tfgan_train.runs.facts import read_run
from tfgan_train.training.start import learns_labels
from tfgan_train.training.validation import validate

PAGE = (pathlib.Path(__file__).parent.parent / "docs" / "advice.md").read_text()
PHOTOS, UNLABELLED = recipes.as_installed("photos"), recipes.as_installed("photos_style")


def _flags(images: Images, **settings) -> dict[str, str]:
    return {one.subject: one.flag for one in advice.advise(images, {"recipe": "digits", **settings})}


@pytest.mark.parametrize(
    "shape, kinds, best",
    [
        ((28, 28, 1), 0, "digits"),
        ((28, 28, 3), 5, PHOTOS),
        ((32, 32, 1), 0, UNLABELLED),
        ((64, 48, 3), 2, PHOTOS),
        ((64, 48, 3), 0, UNLABELLED),
    ],
)
def test_small_and_grey_is_digits_all_else_photos_by_labels(shape, kinds, best):
    flag = _flags(Images("npz:x.npz", 5000, *shape, kinds))["recipe"]
    assert flag == ("" if best == "digits" else f"--recipe={best}")


def test_data_with_a_recipe_of_their_own_keep_it():
    assert advice.recipe(Images("stacked_mnist", 60000, 28, 28, 3, 1000)) == "stacked_mnist"
    assert advice.advise(Images("ring2d", 60000, 1, 1, 2, 0), {"recipe": "ring2d"}) == []


@pytest.mark.parametrize(
    "height, width, flag",
    [(64, 64, ""), (128, 128, "--image_size=64"), (96, 192, "--image_size=64x128"), (64, 128, ""), (8, 8, "")],
)
def test_sizes_beyond_what_was_measured_are_scaled(height, width, flag):
    assert _flags(Images("folder:x", 5000, height, width, 3, 0))["size"] == flag


@pytest.mark.parametrize(
    "labelled, learns, flag", [(0, True, "--noconditional"), (0, False, ""), (3, False, "--conditional"), (3, True, "")]
)
def test_labels_are_learnt_where_there_are_some(labelled, learns, flag):
    assert _flags(Images("npz:x", 5000, 28, 28, 1, labelled), conditional=learns)["labels"] == flag


def test_ada_is_named_below_a_number_of_images_with_what_the_run_augments():
    def said(count, augment):
        return advice.ada(Images("folder:x", count, 32, 32, 3, 0), {"augment": augment}).why

    assert "--augment=flip,ada" in said(advice.FEW - 1, "flip") and "--augment=ada" in said(500, "")
    assert "it is on" in said(500, "flip,ada") and "--augment" not in said(advice.FEW, "flip")


@pytest.mark.parametrize("channels, labelled", [(1, True), (1, False), (3, True), (3, False)])
def test_inspect_data_recommends_what_a_run_can_do_and_is_not_advised_against(tmp_path, channels, labelled):
    """The command is legal, and a run by it gets no flag from the same rules."""
    arrays = {"images": random_images(40, 28, 28, channels)}
    np.savez(tmp_path / "x.npz", **arrays, **({"labels": np.arange(40) % 4} if labelled else {}))
    command = recommend.command(gather.gather(config(f"npz:{tmp_path}/x.npz")))
    given = {"conditional": False} if "--noconditional" in command else {}
    given |= dict(part[2:].split("=", 1) for part in shlex.split(command) if "=" in part)
    wanted = Config(**given)
    validate(wanted)
    source = data.load(wanted)
    if learns_labels(wanted.recipe, wanted.given, source):
        wanted = wanted.replace(conditional=True)
    assert wanted.conditional == labelled and wanted.recipe == (
        "digits" if channels == 1 else PHOTOS if labelled else UNLABELLED
    )
    images = Images.of(wanted.dataset, dataclasses.asdict(source))
    assert not any(one.flag for one in advice.advise(images, wanted.as_dict()))


def test_the_report_has_the_time_of_the_run_and_the_verdicts(tmp_path):
    run = read_run(make_run(tmp_path))
    html = sections.advice(run)
    each = 1000 * run.train[-1]["seconds"] / run.step
    assert float(re.search(r"([\d.]+) ms a step", html)[1]) == pytest.approx(each, rel=0.01)
    assert all(f">{subject}<" in html for subject in ("size", "recipe", "labels", "ADA"))
    assert sections.advice(dataclasses.replace(run, data={})) == ""


def test_the_page_has_every_rule_with_its_numbers():
    rows = [line.split("|")[1:4] for line in PAGE.splitlines() if line.startswith("| ")][1:]
    named = [subject.strip() for subject, *_ in rows]
    assert set(named) == {one.subject for one in advice.advise(Images("npz:x", 9, 28, 28, 1, 0), {})}
    for number in (advice.SMALLEST, advice.LARGEST, f"{advice.FEW:,}", advice.DIGITS):
        assert str(number) in "".join(rule for _, rule, _ in rows)
