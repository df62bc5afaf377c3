"""Where the time of a training step goes, by kind of operation.

    taskset -c 0 python benchmarks/step_profile.py --dataset=mnist10k --recipe=digits --out=profile.json

Trains until the graph is warm, then takes TensorFlow's own trace of --steps steps, what the loop does between them
left out. A row is a kind of operation: its milliseconds a step, its share of all operations, and its calls a step.
Pin it to one core: on several, operations run side by side and their sum is more than a step.
"""

import argparse
import collections
import json
import pathlib
import tempfile

import tensorflow as tf
from machine import machine
from tensorflow.tsl.profiler.protobuf import xplane_pb2

from tfgan_train import Config, train

IN_THE_LOOP = "while/body"  # how the names of the training graph's operations begin


class Trace:
    """A callback that traces the steps between the second log row, by which the graph is warm, and the third."""

    def __init__(self, folder: str):
        self._folder, self._rows = folder, 0

    def on_log(self, step, metrics):
        self._rows += 1
        if self._rows == 2:
            tf.profiler.experimental.start(self._folder)
        if self._rows == 3:
            tf.profiler.experimental.stop()


def operations(folder: str):
    """(kind, milliseconds) of each operation of the training graph in the trace."""
    (path,) = pathlib.Path(folder).rglob("*.xplane.pb")
    space = xplane_pb2.XSpace.FromString(path.read_bytes())
    for plane in space.planes:
        names = {number: metadata.name for number, metadata in plane.event_metadata.items()}
        for event in (event for line in plane.lines for event in line.events):
            name, _, kind = names[event.metadata_id].rpartition(":")
            if name.startswith(IN_THE_LOOP):
                yield kind.removeprefix("_MklNative"), event.duration_ps / 1e9


def table(found, steps: int) -> list[dict]:
    """Rows of kinds, the longest first."""
    times, calls = collections.Counter(), collections.Counter()
    for kind, milliseconds in found:
        times[kind] += milliseconds
        calls[kind] += 1
    whole = sum(times.values())
    return [
        {"kind": kind, "ms": each / steps, "share": each / whole, "calls": calls[kind] / steps}
        for kind, each in times.most_common()
    ]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dataset", default="mnist10k")
    parser.add_argument("--recipe", default="")
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--out", type=pathlib.Path, default=None)
    arguments = parser.parse_args()
    given = {"recipe": arguments.recipe} if arguments.recipe else {}
    with tempfile.TemporaryDirectory() as folder:
        lengths = {"steps": 3 * arguments.steps, "log_every": arguments.steps}
        run = train(
            Config(dataset=arguments.dataset, run_dir=f"{folder}/run", **lengths, **given), callbacks=[Trace(folder)]
        )
        rows = table(operations(folder), arguments.steps)
        recipe = run.config.recipe
    for row in rows[:20]:
        print(f"{row['kind']:32s} {row['ms']:8.2f} ms {row['share']:7.1%} {row['calls']:8.1f} calls")
    print(f"{'all operations':32s} {sum(row['ms'] for row in rows):8.2f} ms a step of {recipe}")
    if arguments.out:
        result = {"recipe": recipe, "dataset": arguments.dataset, "operations": rows, "machine": machine()}
        arguments.out.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
