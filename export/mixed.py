"""Chooses which weights of a file become int8, so that it keeps its promise; others become float16."""

from collections.abc import Sequence

import numpy as np

from export import amend

# The chosen kernels' errors are added up as if they were independent, and measured on a few images.
MARGIN_DB = 2.0

Calls = Sequence[tuple[str, dict[str, np.ndarray]]]


def with_int8_kernels(content: bytes, calls: Calls, floor_db: float, least: int) -> bytes:
    """A float32 file with as many convolutions' kernels in int8 as `floor_db` and a margin allow.

    Those whose rounding costs least for each of their numbers come first. The others, and all dense layers, become
    float16: rounded to int8, a mapping network and its styles leave no room for kernels.

    Args:
      content: the file.
      calls: (signature, inputs), whose images are compared.
      floor_db: peak signal-to-noise ratio of images whose range is 2.
      least: weights of fewer numbers stay float32.
    """
    kernels, dense = (
        {buffer: size for buffer, size in amend.weights(content, operator).items() if size >= least}
        for operator in (amend.CONV, amend.DENSE)
    )
    reference = _images(content, calls)
    errors = {
        kernel: float(np.mean(np.square(_images(amend.with_smaller_weights(content, [kernel], []), calls) - reference)))
        for kernel in kernels
    }
    int8, left = [], 4 * 10 ** (-(floor_db + MARGIN_DB) / 10)
    for kernel in sorted(errors, key=lambda kernel: errors[kernel] / kernels[kernel]):
        if errors[kernel] <= left:
            int8.append(kernel)
            left -= errors[kernel]
    return amend.with_smaller_weights(content, int8, [*(kernels.keys() - int8), *dense])


def _images(content: bytes, calls: Calls) -> np.ndarray:
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_content=content, num_threads=1)
    drawn = [interpreter.get_signature_runner(signature)(**inputs)["images"] for signature, inputs in calls]
    return np.concatenate(drawn).astype(np.float64)
