"""Looks for better settings: `python -m tfgan_train.sweep SPACE.json --dataset=folder:PHOTOS --out=SWEEP`."""

import pathlib
import signal
import sys

from tfgan_train.common.errors import UserError
from tfgan_train.common.terminal import Terminal
from tfgan_train.config import command


def _define(values):
    command.define(values, "string", "out", "sweep", "folder of the log, the runs and report.html")
    command.define(values, "integer", "candidates", 27, "configurations in the first rung, the recipe's own among them")
    command.define(values, "integer", "rungs", 3, "how often the best are chosen, the last time among longest runs")
    command.define(values, "integer", "eta", 3, "one in so many goes on, to so many times the budget")
    command.define(
        values,
        "float",
        "budget",
        0.0,
        "training TFLOP of a run in the last rung, as --dry_run tells them; 0: the recipe's own run",
    )
    command.define(values, "integer", "num", 5000, "images that are scored")
    command.define(values, "string", "features", "", "those of the distance, as evaluate has them")
    command.define_config_flags(values)


def _main(values, paths):
    if len(paths) != 1:
        raise UserError("name one space: tfgan-sweep SPACE.json --dataset=… --out=SWEEP")
    from tfgan_train.sweeps.plan import Options
    from tfgan_train.sweeps.run import sweep

    # A training under way is stopped too, and saves.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    asked = {name: values[name].value for name in ("candidates", "rungs", "eta", "budget", "num", "features")}
    options = Options(pathlib.Path(paths[0]), command.given_config(values), **asked)
    print(sweep(options, pathlib.Path(values.out), Terminal().line), end="")


def main():
    """The console script tfgan-sweep."""
    command.run_binary(
        "tfgan-sweep", "look for better settings by successive halving", _define, _main, positional="SPACE.json"
    )


if __name__ == "__main__":
    main()
