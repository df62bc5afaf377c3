"""Runs side by side: `python -m tfgan_train.compare RUN RUN … --out=compare.html`."""

import pathlib

from tfgan_train.common.errors import UserError
from tfgan_train.common.files import write_atomically
from tfgan_train.config import command


def _define(values):
    command.define(
        values,
        "string",
        "out",
        "compare.html",
        "the page to write; a table with its name and the ending .csv goes beside it",
    )


def _main(values, paths):
    out = pathlib.Path(values.out)
    if out.suffix.lower() not in (".html", ".htm"):
        raise UserError(f"--out={out} must end in .html")
    from tfgan_train.report import compare_page, comparison
    from tfgan_train.runs.own_files import refuse_own_files

    groups = comparison.group_runs(_read(paths))
    table = out.with_suffix(".csv")
    refuse_own_files(f"--out={out}", out, table)
    if table.exists() and not (
        table.is_file() and table.read_text(encoding="utf-8", errors="replace").startswith(comparison.CSV_BEGINS)
    ):
        raise UserError(f"--out={out} would write {table} too, which holds something else; choose another name")
    try:
        write_atomically(out, compare_page.render(groups))
        write_atomically(table, comparison.to_csv(groups))
    except OSError as error:
        raise UserError(f"--out={out} can't be written: {error.strerror or error}") from None
    print(f"{out} and {table}: {len(paths)} runs of {len(groups)} recipes")


def _read(paths: list[str]):
    """The facts of each run.

    Raises:
      UserError: none given, one named twice, or one that is no run.
    """
    from tfgan_train.runs.directory import RunDir
    from tfgan_train.runs.facts import read_run

    if not paths:
        raise UserError("name the runs to compare: tfgan-compare RUN RUN … --out=compare.html")
    seen: dict[pathlib.Path, str] = {}
    for path in paths:
        run = RunDir(path)
        if not run.exists():
            raise UserError(f"{path} is no run (it has no config.json)")
        run.read()  # Says so where config.json is damaged.
        first = seen.setdefault(run.path.resolve(), path)
        if first is not path:
            raise UserError(f"{path} is named twice; it would count as two seeds")
    return [read_run(path) for path in paths]


def main():
    """The console script tfgan-compare."""
    command.run_binary(
        "tfgan-compare",
        "set trained runs side by side: one page and one table",
        _define,
        _main,
        positional="RUN",
        tensorflow=False,
    )


if __name__ == "__main__":
    main()
