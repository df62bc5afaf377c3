"""Objects of the user's own modules, named as text: `python:package.module:name`.

A run stores the text and never the code, so every process imports the object anew.
"""

import contextlib
import importlib
import sys
import traceback
from collections.abc import Iterable, Iterator
from typing import Any

from tfgan_train.common.errors import UserError, unknown

PREFIX = "python:"
GIVEN = "given"  # what a run stores of an object passed from Python that has no name


def is_dotted(text: str) -> bool:
    """Whether the value of a flag names an object of a user's module."""
    return text.startswith(PREFIX)


def resolve(text: str, flag: str) -> Any:
    """The object that `text` names.

    Args:
      text: "package.module:name" or "package.module" (the module itself), with or without "python:" before it.
        `name` may have dots: "module:Class.method".
      flag: the setting that names it, for the messages.

    Raises:
      UserError: one line that says whether the module is missing, fails as it is imported, or lacks the name.
    """
    module_name, colon, name = text.removeprefix(PREFIX).partition(":")
    written = f"--{flag}={text}"
    if not all(part.isidentifier() for part in module_name.split(".")) or (colon and not name):
        raise UserError(f"{written} is not of the form {PREFIX}package.module:name")
    found = _module(module_name, written)
    for part in name.split(".") if colon else ():
        if not hasattr(found, part):
            public = [other for other in vars(found) if not other.startswith("_")] if hasattr(found, "__dict__") else []
            raise UserError(f"{written}: {unknown(f'name in {module_name}:', part, public)}")
        found = getattr(found, part)
    return found


def name_of(thing: Any, beside: Iterable[Any] = ()) -> str | None:
    """The text by which `resolve` finds `thing` in another process, or None where there is none.

    Functions and classes at the top of a module have one. Lambdas and what is defined inside a function or in the
    program that was started (`__main__`) have none. An instance has one if it is at the top of the module of one of
    the functions or classes in `beside`.
    """
    name = getattr(thing, "__qualname__", None)
    for module in {str(getattr(one, "__module__", "__main__")) for one in (thing, *beside)} - {"__main__"}:
        top = vars(sys.modules.get(module, sys))
        names = [name] if isinstance(name, str) else [key for key, value in top.items() if value is thing]
        for one in names:
            found = top.get(one.partition(".")[0])
            for part in one.split(".")[1:]:
                found = getattr(found, part, None)
            if found is thing:
                return f"{PREFIX}{module}:{one}"
    return None


def text_of(thing: Any, beside: Iterable[Any] = ()) -> str:
    """What config.json says of an object that was passed from Python: its name as `name_of` has it, or GIVEN."""
    return name_of(thing, beside) or GIVEN


def _module(name: str, written: str):
    importlib.invalidate_caches()  # It may have been written since this process began.
    with users_code(f"{written}: importing {name}"):
        try:
            return importlib.import_module(name)
        except ModuleNotFoundError as error:
            if error.name is None or not f"{name}.".startswith(f"{error.name}."):
                raise  # It is a module that theirs imports.
            missing = error.name
    raise UserError(f"{written}: there is no module {missing} in the current folder, on PYTHONPATH or installed")


@contextlib.contextmanager
def users_code(what: str) -> Iterator[None]:
    """Turns what the user's code raises, or its exit, into one line that names `what` was run, and where it failed.

    Raises:
      UserError: "WHAT failed: ValueError: … (file.py, line 12)".
    """
    try:
        yield
    except (UserError, KeyboardInterrupt, MemoryError):
        raise
    except BaseException as error:
        line = " ".join(f"{type(error).__name__}: {error}".split())[:300]
        frames = [frame for frame in traceback.extract_tb(error.__traceback__) if not frame.filename.startswith("<")]
        at = f" ({frames[-1].filename}, line {frames[-1].lineno})"
        raise UserError(f"{what} failed: {line}{'' if isinstance(error, SyntaxError) else at}") from error
