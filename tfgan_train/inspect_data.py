"""Looks at data before a training: `python -m tfgan_train.inspect_data --dataset=folder:PHOTOS`."""

import pathlib

from tfgan_train.common.errors import UserError
from tfgan_train.common.files import write_atomically
from tfgan_train.config import command


def _define(values):
    command.define(values, "string", "out", "data.html", "the page to write")
    command.define_config_flags(values, group="data")


def _main(values):
    command.require(values, "dataset")
    out = pathlib.Path(values.out)
    if out.suffix.lower() not in (".html", ".htm"):
        raise UserError(f"--out={out} must end in .html")
    from tfgan_train.config.fields import Config
    from tfgan_train.data import located
    from tfgan_train.inspection import findings, gather, page, text
    from tfgan_train.runs.own_files import refuse_own_files

    refuse_own_files(f"--out={out}", out)
    config = Config(**command.given_config(values))
    facts = gather.gather(config.replace(dataset=located(config.dataset)))
    found = findings.sections(facts)
    print(text.text(facts.dataset, found))
    try:
        write_atomically(out, page.render(facts, found))
    except OSError as error:
        raise UserError(f"--out={out} can't be written: {error.strerror or error}") from None
    print(f"\nthe same with pictures: {out}")


def main():
    """The console script tfgan-inspect-data."""
    command.run_binary(
        "tfgan-inspect-data",
        "say what a data set holds before training: sizes, damage, duplicates, and a command line",
        _define,
        _main,
        tensorflow=False,
    )


if __name__ == "__main__":
    main()
