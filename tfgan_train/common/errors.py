"""The one exception that means "the user can fix this", and the words for an unknown name."""
import difflib
from typing import Iterable


class UserError(Exception):
    """A mistake in a flag, a file or the environment, told in one plain line.

    The message names the flag or file at fault and what would be legal. The binaries
    print it without a traceback and exit with status 2.
    """


def unknown(kind: str, name: str, legal: Iterable) -> str:
    """One line that says `name` is no legal `kind` and which legal ones are near."""
    legal = [str(value) for value in legal]
    near = difflib.get_close_matches(str(name), legal, n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(near)}?" if near else f"legal: {', '.join(legal)}"
    return f"unknown {kind} '{name}'; {hint}"
