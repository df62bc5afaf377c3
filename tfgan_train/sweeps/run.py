"""Does a sweep: trains what is still to train, and keeps its page and its table."""

import pathlib
from collections.abc import Callable

from tfgan_train.common.files import write_atomically
from tfgan_train.sweeps import halving, page, plan
from tfgan_train.sweeps.plan import Options
from tfgan_train.sweeps.trainer import Trainer


def sweep(options: Options, out: pathlib.Path, say: Callable[[str], None]) -> str:
    """Trains what isn't in OUT/log.jsonl yet.

    Args:
      options: what is asked for.
      out: the folder of the log, the runs and the page.
      say: prints a line.

    Returns:
      The ranking as Markdown, and the command that trains the best.

    Raises:
      UserError: whatever is wrong with them, or a process that ended for a reason that isn't its settings'.
    """
    prepared = plan.prepare(options)
    with plan.lock(out, say):
        plan.claim(out, prepared.stored)
        log = halving.Log(out / "log.jsonl")
        evaluation = ["--metrics=frechet", f"--num={options.num}", f"--features={options.features}"]

        def told(line: str) -> None:
            say(line)
            page.write(out, prepared, list(log.rows.values()), "running")

        status = "stopped"
        try:
            trainer = Trainer(out / "runs", prepared.common, evaluation)
            halving.halve(prepared.candidates, prepared.amounts, options.eta, log, trainer, told)
            status = "finished"
        finally:
            rows = list(log.rows.values())
            page.write(out, prepared, rows, status)
        table = halving.table(rows)
        write_atomically(out / "summary.md", table)
    command = page.best_command(prepared, halving.ranked(rows))
    return table + (f"\nThe best:\n\n    {command}\n" if command else "")
