"""The cheap figures of --eval_every: seconds, on arrays, the same images and features each time."""

from collections.abc import Callable

import numpy as np

from tfgan_train.data import reading
from tfgan_train.features import Request, extract, reference
from tfgan_train.features.choose import choose
from tfgan_train.metrics import frechet, kernel, manifold, scores
from tfgan_train.metrics.checks import image_pair

BEST_BY = "fd"  # the figure that chooses the best checkpoint; lower is better


class QuickEval:
    """Scores generated images against a fixed set of real ones.

    Call it with uint8 images [num, H, W, C], drawn from the same latents each time, so that the
    figures of two steps differ by the generator and not by the draw.

    Args:
      source: the training Source.
      heldout: the held-out Source or None; real images come from it where it has enough.
      num: how many images to compare; `images` of each call must be as many.
      features: a name of FEATURES, or "" for the best there is. A classifier is trained first where there is
        none in the cache, which takes a minute or two, once.
      say: prints one line.

    Attributes:
      num: how many images each call wants; fewer than asked for where the data are fewer.
      fd_name: what the Frechet distance is called with these features.
    """

    def __init__(self, source, heldout=None, num: int = 5000, features: str = "", say: Callable[[str], None] = print):
        real = heldout if heldout is not None and heldout.count >= num else source
        indices = reading.some(real, num)
        self._extractor = choose(features, Request(source, heldout, say=say))
        self._shape = real.image_shape
        self._features, probabilities = reference.features(self._extractor, real, indices, say)
        self._probabilities: np.ndarray | None = probabilities if self._extractor.own_classes else None
        self.num, self.fd_name = len(indices), self._extractor.fd_name
        self._moments = frechet.moments(self._features)

    def __call__(self, images: np.ndarray) -> dict[str, float]:
        """name -> figure: fd, kd, precision, recall, density, coverage, and class_kl where classes are known.

        Raises:
          UserError: images of another shape or type, or fewer than 8.
        """
        image_pair(np.empty((8, *self._shape), np.uint8), images, minimum=8)
        features, probabilities = extract(self._extractor, images)
        found = {
            "fd": frechet.distance(self._moments, frechet.moments(features)),
            "kd": kernel.kernel_distance(self._features, features).value,
        }
        found |= {result.name: result.value for result in manifold.measure(self._features, features)}
        if self._probabilities is not None:
            found["class_kl"] = scores.class_kl(probabilities, self._probabilities).value
        return found
