"""What the pages promise: flags.md is current, links lead somewhere, the README is short."""

import importlib.util
import pathlib
import re

import pytest

from tfgan_train.config import recipes

ROOT = pathlib.Path(__file__).parent.parent
PAGES = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), ROOT / "tests" / "README.md"]


def test_the_page_of_flags_is_current():
    spec = importlib.util.spec_from_file_location("make_flags", ROOT / "docs" / "make_flags.py")
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    assert (ROOT / "docs" / "flags.md").read_text(encoding="utf-8") == made.page(), "run python docs/make_flags.py"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#]+)", page.read_text(encoding="utf-8")):
        assert target.startswith("http") or (page.parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_prose_wraps_at_a_hundred_columns(page):
    """All but tables, pictures and code."""
    code = False
    for line in page.read_text(encoding="utf-8").splitlines():
        code ^= line.lstrip().startswith("```")
        prose = not code and not line.startswith(("|", "![", "    "))
        assert not prose or len(line) <= 100, line


def test_the_readme_is_short_and_names_every_recipe():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert text.count("\n") <= 130
    assert all(f"`{name}`" in text for name in recipes.names())


def test_every_test_that_covers_a_promise_exists():
    text = (ROOT / "tests" / "README.md").read_text(encoding="utf-8")
    named = re.findall(r"`((?:tests|benchmarks/tests)/\w+\.py)(?:::(\w+))?`", text)
    assert len(named) > 40
    for file, test in named:
        assert (ROOT / file).is_file(), file
        assert not test or f"\ndef {test}(" in (ROOT / file).read_text(encoding="utf-8"), f"{file}::{test}"
