"""Stops a run at the first NaN or infinity."""

import numpy as np
import tensorflow as tf

from tfgan_train.common.errors import UserError

MOST_OVERFLOWS = 50  # in a row: from its start of 2^15 the loss scale reaches 1 after 15


class Soundness:
    """Looks at the numbers of every step.

    Args:
      names: of the numbers; the gradients' norms end in "grad_norm".
      precision: of the run. In float16 an overflowed gradient is skipped, not taken, so that some of them are no harm.
    """

    def __init__(self, names: tuple[str, ...], precision: str):
        self._names = names
        # An infinite norm is that of an update which was skipped.
        self._may_overflow = [
            i for i, name in enumerate(names) if precision == "float16" and name.endswith("grad_norm")
        ]
        self._overflows = 0

    def check(self, rows: np.ndarray, step: int, saved: int) -> None:
        """Takes the numbers of some steps.

        Args:
          rows: float32 [steps, names].
          step: completed steps before the first of them.
          saved: the step of the newest checkpoint; 0 where there is none.

        Raises:
          UserError: at the first step with a number that isn't finite, or at the 50th overflow in a row.
        """
        bad = ~np.isfinite(rows)
        self._check_overflows(bad[:, self._may_overflow].any(1), step)
        bad[:, self._may_overflow] = False
        if not bad.any():
            return
        row, column = np.argwhere(bad)[0]
        kept = f"the checkpoint of step {saved:,} is kept" if saved else "no checkpoint was due before"
        raise UserError(
            f"step {step + int(row) + 1:,}: {self._names[column]} is {rows[row, column]}; training stopped and "
            f"{kept}. Try a lower --g_lr and --d_lr, --penalty=r1, or --precision=float32, with --fresh"
        )

    def _check_overflows(self, overflowed: np.ndarray, step: int):
        for i, one in enumerate(overflowed, 1):
            self._overflows = self._overflows + 1 if one else 0
            if self._overflows == MOST_OVERFLOWS:
                raise UserError(
                    f"step {step + i:,}: {MOST_OVERFLOWS} updates in a row overflowed in float16, whatever the loss "
                    "scale; training stopped. Try --precision=bfloat16 or float32, with --fresh"
                )


def check_weights(gan, step: int, saved: int) -> None:
    """Makes sure that what a checkpoint would keep is finite.

    Args:
      gan: the Gan; its networks, averages and optimisers are looked at.
      step: completed steps.
      saved: the step of the newest checkpoint; 0 where there is none.

    Raises:
      UserError: naming the first variable with a NaN or an infinity.
    """
    kept = f"the checkpoint of step {saved:,} is kept" if saved else "no checkpoint was due before"
    for variable in gan.variables():
        if variable.dtype.is_floating and not tf.reduce_all(tf.math.is_finite(variable)):
            raise UserError(
                f"step {step:,}: {variable.name} has a NaN or an infinity, so this step isn't saved; {kept}. "
                "Try a lower --g_lr and --d_lr, or --precision=float32, with --fresh"
            )
