"""How a peer measures itself: steps after the warm-up, in windows of equal length."""

import argparse
import json
import statistics
import sys
import time

import networks

WINDOWS = 5
IMAGES = 20_000  # of random pixels: what is in them doesn't change the speed


def parser() -> argparse.ArgumentParser:
    """The arguments that every program takes: the task's name and how long to measure."""
    found = argparse.ArgumentParser()
    found.add_argument("--task", required=True, choices=networks.TASKS)
    found.add_argument("--seconds", type=float, default=5.0)
    return found


def report(steps_done: list[float], batch: int):
    """Prints the median speed of the windows between the times at which `steps_done` counts steps."""
    print(
        json.dumps(
            {
                "ms_per_step": statistics.median(steps_done) * 1e3,
                "images_per_second": batch / statistics.median(steps_done),
            }
        )
    )
    sys.stdout.flush()


def measure(step, task, seconds: float):
    """Calls `step()` for a warm-up and then for `seconds`; reports the median time of a step over WINDOWS windows.

    `step` must have done its work when it returns. The warm-up is a tenth of the task's steps, at least 3.
    """
    for _ in range(max(3, task.steps // 10)):
        step()
    each = []
    for _ in range(WINDOWS):
        count, begin = 0, time.perf_counter()
        while count < task.steps // WINDOWS or time.perf_counter() - begin < seconds / WINDOWS:
            step()
            count += 1
        each.append((time.perf_counter() - begin) / count)
    report(each, task.batch)
