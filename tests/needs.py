"""What some tests need beside the package: skipped without it, failed where CI says that it installs everything."""

import importlib
import os

import pytest

REQUIRE_ALL = "TFGAN_REQUIRE_ALL"  # the environment variable that .ci/run sets to 1


def missing(what: str) -> None:
    """Skips the test that needs `what`; fails it where everything is required."""
    if os.environ.get(REQUIRE_ALL):
        pytest.fail(f"{what} is missing, and {REQUIRE_ALL} is set", pytrace=False)
    pytest.skip(f"needs {what}")


def module(name: str, extra: str):
    """An optional module, which comes with an extra of this package."""
    try:
        return importlib.import_module(name)
    except ImportError:
        if os.environ.get(REQUIRE_ALL):
            raise
        pytest.skip(f"needs {name}: pip install 'tfgan-train[{extra}]'", allow_module_level=True)
