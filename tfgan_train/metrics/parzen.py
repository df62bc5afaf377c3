"""Parzen-window log-likelihood, the protocol of Goodfellow et al. 2014; numpy only.

A Gaussian of width sigma on each of 10,000 samples; sigma chosen from logspace(-1, 0, 10) by the
mean log-likelihood of the first 1,000 validation images; then the mean over the test images with its
standard error (arXiv 1406.2661, section 5, and its published `parzen_ll.py`). Theis et al. 2016
(arXiv 1511.01844) show that the figure says little about sample quality; it is here to
repeat the paper's.
"""

import numpy as np

from tfgan_train.metrics.checks import enough, pair
from tfgan_train.metrics.distances import Rows, squared_blocks
from tfgan_train.metrics.result import HIGHER, Result

SIGMAS = np.logspace(-1, 0, 10)


def measure(samples: np.ndarray, validation: np.ndarray, test: np.ndarray, sigmas=SIGMAS) -> Result:
    """Mean log-likelihood of the test rows under windows on the samples.

    Args:
      samples: [n, F] in [0, 1], the generator's pixels.
      validation: [v, F]; the first 1,000 choose sigma.
      test: [t, F].

    Raises:
      UserError: rows of different width, or fewer than 2.
    """
    enough(len(validation), 1, "validation images")
    pair(test, samples, minimum=2)
    scores = log_likelihoods(validation[:1000], samples, sigmas).mean(axis=1)
    sigma = float(sigmas[int(np.argmax(scores))])
    values = log_likelihoods(test, samples, [sigma])[0]
    return Result(
        "parzen",
        float(values.mean()),
        float(values.std() / np.sqrt(len(values))),
        "standard error over test images",
        len(samples),
        HIGHER,
        "nats",
        details={
            "sigma": sigma,
            "test_images": len(test),
            "validation": dict(zip(map(float, sigmas), map(float, scores), strict=True)),
        },
    )


def log_likelihoods(queries: np.ndarray, samples: np.ndarray, sigmas) -> np.ndarray:
    """log of the mean Gaussian density, [len(sigmas), len(queries)], float64.

    The distances of a block are found once and serve every sigma.
    """
    origin = np.zeros(queries.shape[1])
    q, s = Rows(queries, origin), Rows(samples, origin)
    # A running log-sum-exp, because the samples come in blocks.
    peak = np.full((len(sigmas), len(q)), -np.inf)
    total = np.zeros((len(sigmas), len(q)))
    for a, _, squared in squared_blocks(q, s):
        smallest = squared.min(axis=1)
        for i, sigma in enumerate(sigmas):
            top = np.maximum(peak[i, a], -smallest / (2 * sigma**2))
            total[i, a] *= np.exp(peak[i, a] - top)
            total[i, a] += np.exp(squared / (-2 * sigma**2) - top[:, None]).sum(axis=1)
            peak[i, a] = top
    scale = np.asarray(sigmas)[:, None] * np.sqrt(2 * np.pi)
    return peak + np.log(total) - np.log(len(s)) - queries.shape[1] * np.log(scale)
