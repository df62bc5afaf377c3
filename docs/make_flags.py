"""Writes docs/flags.md from the fields of Config: `python docs/make_flags.py`."""

import pathlib

from tfgan_train.config.checks import legal_values, readers
from tfgan_train.config.fields import FIELDS


def page() -> str:
    """The text of docs/flags.md."""
    groups: dict[str, list[str]] = {}
    for name, field in FIELDS.items():
        legal = legal_values(field)
        choices = f" One of {', '.join(f'`{value}`' for value in legal)}." if legal else ""
        default = "" if field.default in ("", None) else f"`{field.default}`"
        help_text = field.metadata["help"].replace("|", "\\|")
        only = f" For {', '.join(f'`{found}`' for found in readers(name))} only." if readers(name) else ""
        row = f"| `--{name}` | {default} | {help_text}.{choices}{only} |"
        groups.setdefault(field.metadata["group"], []).append(row)
    lines = [
        "# Every training flag",
        "",
        "Made by `python docs/make_flags.py`. Booleans are `--name` or `--noname`. The default is what holds",
        "without a recipe.",
        "",
    ]
    for group, rows in groups.items():
        lines += [f"## {group.capitalize()}", "", "| flag | default | |", "|---|---|---|", *rows, ""]
    return "\n".join(lines)


if __name__ == "__main__":
    (pathlib.Path(__file__).parent / "flags.md").write_text(page(), encoding="utf-8")
