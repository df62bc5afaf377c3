"""Flags that give values to things by name, as c0=3,u0=-0.5 or Smiling=1,Hat=0."""

from collections.abc import Collection, Iterator

from tfgan_train.common.errors import UserError, unknown


def named_values(flag: str, text: str, names: Collection[str], kind: str, form: str) -> Iterator[tuple[str, str]]:
    """(name, value) of each part of `text`, as they are written; none for "".

    Args:
      flag: how messages call it, as "--code".
      names: the legal ones.
      kind: what a name is of, as "code".
      form: how a part should look, as "NAME=VALUE".

    Raises:
      UserError: a part of another form, an unknown name, or one that stands twice.
    """
    found = set()
    for part in text.split(",") if text else ():
        name, sign, value = (piece.strip() for piece in part.rpartition("="))
        if not sign:
            raise UserError(f"{flag}={text}: '{part}' is not {form}; names: {', '.join(names)}")
        if name not in names:
            raise UserError(f"{flag}={text}: {unknown(kind, name, names)}")
        if name in found:
            raise UserError(f"{flag}={text}: {name} stands in it twice")
        found.add(name)
        yield name, value
