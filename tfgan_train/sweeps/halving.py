"""Successive halving (Jamieson and Talwalkar 2016, arXiv:1502.07943) with a log to go on from; knows no GANs.

A budget is training FLOPs, not time, so a busy machine chooses nothing: a configuration of half the cost takes
twice the steps. A rung is a run of its own from step 0 and not the last rung's resumed, since a schedule such as
the linear decay to 0 hangs on --steps: a run resumed at its end would have no learning rate left.
"""

import dataclasses
import json
import math
import pathlib
import time
from collections.abc import Callable, Iterable, Mapping

from tfgan_train.common.errors import UserError
from tfgan_train.common.files import write_atomically
from tfgan_train.common.numbers import duration


@dataclasses.dataclass(frozen=True)
class Candidate:
    """Settings that differ from the recipe's, and the FLOPs of one training step with them."""

    settings: dict
    flops: float


@dataclasses.dataclass(frozen=True)
class Outcome:
    """A training's score (lower is better, infinity if it failed), its seconds, and why it failed."""

    score: float
    seconds: float = 0.0
    message: str = ""


Train = Callable[[dict, int, str], Outcome]  # (settings, steps, the run's name)


def budgets(last: float, rungs: int, eta: int) -> list[float]:
    """FLOPs of one training in each rung."""
    return [last / eta ** (rungs - rung) for rung in range(1, rungs + 1)]


def steps_for(candidate: Candidate, budget: float) -> int:
    """How many steps a budget pays for; 0 if not even half of one."""
    return round(budget / candidate.flops)


def run_name(rung: int, candidate: int) -> str:
    """The folder of a training in OUT/runs."""
    return f"rung{rung}-candidate{candidate}"


def ranked(rows: Iterable[Mapping]) -> list[Mapping]:
    """The rows of a log, the last rung first and the best of it on top."""
    return sorted(rows, key=lambda row: (-row["rung"], row["score"] is None, row["score"] or 0, row["candidate"]))


def survivors(rows: list[dict], eta: int) -> list[int]:
    """The numbers of the best 1/eta candidates, at least one; the earlier of equals, and none that failed."""
    sound = sorted((row["score"], row["candidate"]) for row in rows if row["score"] is not None)
    return sorted(number for _, number in sound[: max(1, len(rows) // eta)])


class Log:
    """log.jsonl: one line for each training that has ended; `rows` has them by (rung, candidate).

    Raises:
      UserError: when a line of the file is no row.
    """

    def __init__(self, path: pathlib.Path):
        self._path, self.rows = path, {}
        for number, line in enumerate(path.read_text().splitlines() if path.exists() else (), 1):
            try:
                row = json.loads(line)
                self.rows[row["rung"], row["candidate"]] = row
            except (ValueError, KeyError, TypeError):
                raise UserError(
                    f"{path}, line {number}, is damaged; delete that line to do its training again"
                ) from None

    def add(self, row: dict) -> None:
        """Appends a row: the file has all of it or none, whenever the process is killed."""
        self.rows[row["rung"], row["candidate"]] = row
        write_atomically(self._path, "".join(json.dumps(one) + "\n" for one in self.rows.values()))


def halve(
    candidates: list[Candidate],
    amounts: list[float],
    eta: int,
    log: Log,
    train: Train,
    say: Callable[[str], None],
    clock: Callable[[], float] = time.monotonic,
) -> None:
    """Trains what isn't in the log yet, rung by rung, and adds it there.

    Args:
      amounts: FLOPs of a training in each rung.
      train: trains and scores one configuration; may raise UserError, which ends the sweep.
      say: prints a line.
      clock: seconds, for tests.
    """
    begin, spent, running = clock(), 0.0, list(range(len(candidates)))
    for rung, amount in enumerate(amounts, 1):
        for place, number in enumerate(running, 1):
            if (rung, number) in log.rows:
                continue
            settings, steps = candidates[number].settings, steps_for(candidates[number], amount)
            outcome = train(settings, steps, run_name(rung, number))
            score = outcome.score if math.isfinite(outcome.score) else None
            log.add(
                {
                    "rung": rung,
                    "candidate": number,
                    "settings": settings,
                    "steps": steps,
                    "score": score,
                    "seconds": outcome.seconds,
                    "message": outcome.message,
                }
            )
            spent += amount
            left = [len(running) - place, *_counts(len(running), len(amounts) - rung, eta)]
            flops = sum(count * one for count, one in zip(left, amounts[rung - 1 :], strict=True))
            say(
                f"{len(log.rows)}/{len(log.rows) + sum(left)}  rung {rung}, {shown(settings)}: "
                f"FD {shown_score(log.rows[rung, number])} after {steps:,} steps, {duration(outcome.seconds)}; "
                f"about {duration((clock() - begin) / spent * flops)} left"
            )
        running = survivors([log.rows[rung, number] for number in running], eta)


def _counts(number: int, rungs: int, eta: int) -> list[int]:
    """How many candidates the next rungs have after one with `number`."""
    found = []
    for _ in range(rungs):
        found.append(number := max(1, number // eta))
    return found


def shown(settings: dict) -> str:
    """Settings in a line."""
    plain = {name: str(value).lower() if isinstance(value, bool) else value for name, value in settings.items()}
    return " ".join(f"{name}={value}" for name, value in plain.items()) or "the recipe's own"


def shown_score(row: Mapping) -> str:
    """A row's distance, or why there is none."""
    return f"infinite ({row['message'] or 'not a number'})" if row["score"] is None else f"{row['score']:.3f}"


def table(rows: Iterable[Mapping]) -> str:
    """Markdown: every training, the last rung first and the best of it on top."""
    lines = ["| rung | settings that differ from the recipe | FD | steps | seconds |", "|---|---|---|---|---|"]
    for row in ranked(rows):
        cells = (row["rung"], shown(row["settings"]), shown_score(row), f"{row['steps']:,}", f"{row['seconds']:,.0f}")
        lines.append("| " + " | ".join(str(cell).replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines) + "\n"
