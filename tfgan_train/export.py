"""Exports a run's generator: `python -m tfgan_train.export --run_dir=RUN --out_dir=OUT`.

The same command as `python -m export.main`, which Python can't find beside an `export.py` of the user's own.
"""

import pathlib
import sys


def main():
    """What `tfgan-export` does, with the package `export` that stands beside this one."""
    sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))
    from export.main import main as export_main

    export_main()


if __name__ == "__main__":
    main()
