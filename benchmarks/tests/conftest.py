"""What the benchmarks' tests start from."""

import importlib
import pathlib
import sys

import pytest

import tests.conftest  # noqa: F401  (nobody's own cache, and processes that hear Ctrl-C)

FOLDER = pathlib.Path(__file__).parent.parent


def pytest_collection_modifyitems(items):
    """Marks what lies in this folder; the hook is called with the tests of all folders."""
    for item in items:
        if item.path.is_relative_to(pathlib.Path(__file__).parent):
            item.add_marker("benchmarks")


@pytest.fixture(scope="module")
def programs():
    """A function that imports a benchmark, or a peer's program, by its name."""
    folders = [str(FOLDER), str(FOLDER / "peer_programs")]
    sys.path[:0] = folders
    yield importlib.import_module
    for folder in folders:
        sys.path.remove(folder)
