"""Objects of a user's modules by name: what is found, and the one line where nothing is."""

import itertools
import json.decoder

import pytest

from tfgan_train import UserError
from tfgan_train.common import dotted

NUMBER = itertools.count()


@pytest.fixture
def module(tmp_path, monkeypatch):
    """Writes a user's module and gives its name."""
    monkeypatch.syspath_prepend(tmp_path)

    def write(text: str) -> str:
        name = f"users_module_{next(NUMBER)}"
        (tmp_path / f"{name}.py").write_text(text)
        return name

    return write


def test_a_name_a_method_and_a_module_are_found(module):
    name = module(
        "def double(x):\n    return 2 * x\nclass Thing:\n    @staticmethod\n    def half(x):\n        return x / 2"
    )
    assert dotted.resolve(f"python:{name}:double", "loss")(4) == 8
    assert dotted.resolve(f"{name}:Thing.half", "loss")(4) == 2
    assert dotted.resolve(f"python:{name}", "architecture").__name__ == name


@pytest.mark.parametrize(
    "text, message",
    [
        ("python:", "is not of the form python:package.module:name"),
        ("python:a b:c", "is not of the form"),
        ("python:json:", "is not of the form"),
        ("python:no_such_module:loss", "there is no module no_such_module in the current folder"),
        ("python:json.no_such_part:loss", "there is no module json.no_such_part "),
        ("python:json:laods", "unknown name in json: 'laods'; did you mean load"),
    ],
)
def test_what_is_not_there_is_one_line(text, message):
    with pytest.raises(UserError, match=message) as raised:
        dotted.resolve(text, "loss")
    assert str(raised.value).startswith(f"--loss={text}") and "\n" not in str(raised.value)


@pytest.mark.parametrize(
    "text, message",
    [
        ("import no_such_library", "importing {} failed: ModuleNotFoundError: No module named 'no_such_library'"),
        ("def (", "importing {} failed: SyntaxError: "),
        ("1 / 0", "importing {} failed: ZeroDivisionError: division by zero"),
        ("raise SystemExit('two\\nlines')", "importing {} failed: SystemExit: two lines"),
    ],
)
def test_a_module_that_fails_is_one_line(text, message, module):
    name = module(text)
    with pytest.raises(UserError) as raised:
        dotted.resolve(f"python:{name}:loss", "loss")
    assert message.format(name) in str(raised.value) and "\n" not in str(raised.value)


def test_the_name_of_a_thing_leads_back_to_it():
    for thing in (json.loads, json.decoder.JSONDecoder, json.decoder.JSONDecoder.decode):
        assert dotted.resolve(dotted.name_of(thing), "loss") is thing
    assert dotted.name_of(lambda x: x) is None
    assert dotted.name_of(json.decoder.JSONDecoder()) is None
