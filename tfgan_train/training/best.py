"""Which checkpoint of a run is its best, by its own evaluations while it trains."""

import pathlib

import numpy as np

from tfgan_train.common.numbers import is_number
from tfgan_train.runs import checkpoints
from tfgan_train.runs.rows import EvalRow, Row
from tfgan_train.score.during_training import BEST_BY, QuickEval

# Other latents than those of the sample grids, which the seed itself gives.
SEED_OFFSET = 1_000_003


class Selection:
    """Evaluates G's average and keeps the checkpoint whose Frechet distance is lowest.

    Args:
      folder: the run's checkpoints folder; the best is in its `best/`, which rotation never drops.
      gan: the Gan in training.
      config: of the run.
      source: the training data.
      held_out: images that are not trained on, or None.
      sampler: draws from G's average.
      tell: prints a line that stays.
    """

    def __init__(self, folder: pathlib.Path, gan, config, source, held_out, sampler, tell):
        self._path, self._gan, self._sampler, self._tell = folder / checkpoints.BEST, gan, sampler, tell
        self._seed = (config.seed + SEED_OFFSET) % 2**31
        # Who holds images out wants to be judged by them, however few.
        num = min(config.eval_num, held_out.count) if config.held_out else config.eval_num
        self._evaluate = QuickEval(source, held_out, num, config.eval_features, tell)

    def evaluate(self, step: int) -> EvalRow:
        """Scores this step, keeps its checkpoint if it is the best so far, and returns its row."""
        figures = self._evaluate(self._sampler.images(self._evaluate.num, self._seed))
        value = figures[BEST_BY]
        protocol = {"metric": self._evaluate.fd_name, "num": self._evaluate.num}
        best = checkpoints.read(self._path)
        if best is not None and not self._is_comparable(best, protocol):
            before = f"{best.extra.get('metric')} of {best.extra.get('num', 'other')} samples"
            self._tell(
                f"the best checkpoint so far was chosen by {before}; a new one is chosen by {protocol['metric']} "
                f"of {protocol['num']:,}"
            )
            best = None
        if best is None or value < best.extra["value"]:
            checkpoints.write(self._path, self._gan.state(), step, protocol | {"value": value})
        row = EvalRow(step=step, features=self._evaluate.fd_name, num=self._evaluate.num, more=figures)
        was = "" if best is None else f" (best so far {min(value, best.extra['value']):.2f})"
        self._tell(f"step {step:,}: {protocol['metric']} {value:.2f} of {self._evaluate.num:,} samples{was}")
        return row

    @staticmethod
    def _is_comparable(best, protocol: dict) -> bool:
        """Whether the best was chosen by the same metric, features and number of images.

        Older checkpoints don't tell the number.
        """
        stored = {name: best.extra.get(name, value) for name, value in protocol.items()}
        return stored == protocol and isinstance(best.extra.get("value"), (int, float))


def patience_lost(patience: int, rows: list[Row]) -> str:
    """Why a run ends by --patience, in words; empty where it goes on.

    Args:
      patience: evaluations without a better figure that end it; 0: none do.
      rows: of the run's metrics.jsonl. Only evaluations of the newest one's features and number are compared.
    """
    rows = [row for row in rows if row.kind == EvalRow.kind and is_number(row.get(BEST_BY))]
    if not patience or not rows:
        return ""
    last = (rows[-1].get("features", "distance"), rows[-1].get("num"))
    rows = [row for row in rows if (row.get("features", "distance"), row.get("num")) == last]
    best = int(np.argmin([row[BEST_BY] for row in rows]))
    if len(rows) - 1 - best < patience:
        return ""
    return f"--patience={patience}: no evaluation since step {rows[best]['step']:,} had a lower {last[0]}"
