"""Adversarial losses: pure functions of logits that know nothing of models or devices.

Every loss is a pair. `d(real_logits, fake_logits)` is what the discriminator minimises and
`g(real_logits, fake_logits)` what the generator does, each a float32 vector [n], one value per
example, for the step to sum and divide by the global batch. Logits are float32 [n], any size:
all terms are written with softplus, which neither overflows nor loses small values.
"""

from collections.abc import Callable
from typing import NamedTuple

import tensorflow as tf

_softplus = tf.nn.softplus  # softplus(-x) = -log sigmoid(x); softplus(x) = -log(1 - sigmoid(x))


class Loss(NamedTuple):
    """One adversarial objective.

    Attributes:
      d: (real_logits, fake_logits) -> [n]; with `has_targets` also the keyword arguments
        real_target=1.0 and fake_target=0.0, each a float or a vector [n]: label smoothing,
        clipping, noise and flipping are other targets.
      g: (real_logits, fake_logits) -> [n].
      uses_real: whether g looks at real_logits; where it doesn't they may be None.
      accuracy: how D's logits say "real": "threshold" (a logit above `threshold`) or "paired"
        (only differences mean something: the real logit above the fake one).
      threshold: the logit half-way between real and fake, for accuracy "threshold".
      has_targets: whether d takes targets.
      d_terms: what d takes -> ([n] of the real images, [n] of the fakes), whose sum d is; None where it is no such sum.
    """

    d: Callable
    g: Callable
    uses_real: bool = False
    accuracy: str = "threshold"
    threshold: float = 0.0
    has_targets: bool = False
    d_terms: Callable | None = None

    def weighed(self, real_weight: float, fake_weight: float) -> "Loss":
        """The same with D's terms multiplied by these: TF-GAN's real_weights and generated_weights.

        Raises:
          ValueError: weights other than 1 of a loss without `d_terms`.
        """
        if real_weight == fake_weight == 1.0:
            return self
        terms = self.d_terms
        if terms is None:
            raise ValueError("this loss has no terms of real images and of fakes")

        def weighed_terms(*logits, **targets):
            of_real, of_fake = terms(*logits, **targets)
            return real_weight * of_real, fake_weight * of_fake

        return self._replace(d=_sum_of(weighed_terms), d_terms=weighed_terms)


def _sum_of(terms: Callable) -> Callable:
    """A loss's d, from its d_terms."""

    def d(*logits, **targets):
        of_real, of_fake = terms(*logits, **targets)
        return of_real + of_fake

    return d


def _of_terms(d_terms: Callable, g: Callable, **facts) -> Loss:
    return Loss(_sum_of(d_terms), g, d_terms=d_terms, **facts)


def _cross_entropy(logits, target):
    """Of Bernoulli(target) against sigmoid(logits): exact in value and gradient at any logit."""
    return target * _softplus(-logits) + (1.0 - target) * _softplus(logits)


def _cross_entropy_terms(real_logits, fake_logits, real_target=1.0, fake_target=0.0):
    """-log D(x) - log(1 - D(G(z))): Goodfellow et al. 2014 (arXiv:1406.2661), equation 1."""
    return _cross_entropy(real_logits, real_target), _cross_entropy(fake_logits, fake_target)


def _minimax_g(real_logits, fake_logits):
    """log(1 - D(G(z))): Goodfellow et al. 2014, equation 1. Vanishes where D is sure."""
    del real_logits
    return -_softplus(fake_logits)


def _non_saturating_g(real_logits, fake_logits):
    """-log D(G(z)): Goodfellow et al. 2014, section 3, last paragraph."""
    del real_logits
    return _softplus(-fake_logits)


def _least_squares_terms(real_logits, fake_logits, real_target=1.0, fake_target=0.0):
    """((D(x) - 1)^2 + D(G(z))^2) / 2: Mao et al. 2017 (arXiv:1611.04076), equation 9."""
    return 0.5 * tf.square(real_logits - real_target), 0.5 * tf.square(fake_logits - fake_target)


def _least_squares_g(real_logits, fake_logits):
    """(D(G(z)) - 1)^2 / 2: Mao et al. 2017, equation 9."""
    del real_logits
    return 0.5 * tf.square(fake_logits - 1.0)


def _wasserstein_terms(real_logits, fake_logits):
    """f(G(z)) - f(x): Arjovsky et al. 2017 (arXiv:1701.07875), equation 3.

    It bounds a distance only for a Lipschitz critic: clip its weights or add a penalty.
    """
    return -real_logits, fake_logits


def _critic_g(real_logits, fake_logits):
    """-f(G(z)), of the Wasserstein and the hinge loss."""
    del real_logits
    return -fake_logits


def _hinge_terms(real_logits, fake_logits):
    """max(0, 1 - f(x)) + max(0, 1 + f(G(z))): Lim & Ye 2017 (arXiv:1705.02894); Miyato et al.
    2018 (arXiv:1802.05957), equation 16."""
    return tf.nn.relu(1.0 - real_logits), tf.nn.relu(1.0 + fake_logits)


def _relativistic_d(real_logits, fake_logits):
    """-log sigmoid(f(x) - f(G(z))): Jolicoeur-Martineau 2018 (arXiv:1807.00734), paired; as in
    R3GAN, Huang et al. 2024 (arXiv:2501.05441), section 2."""
    return _softplus(fake_logits - real_logits)


def _relativistic_g(real_logits, fake_logits):
    """-log sigmoid(f(G(z)) - f(x)): as above, the generator's non-saturating side."""
    return _softplus(real_logits - fake_logits)


LOSSES = {
    "minimax": _of_terms(_cross_entropy_terms, _minimax_g, has_targets=True),
    "non_saturating": _of_terms(_cross_entropy_terms, _non_saturating_g, has_targets=True),
    "least_squares": _of_terms(_least_squares_terms, _least_squares_g, threshold=0.5, has_targets=True),
    "wasserstein": _of_terms(_wasserstein_terms, _critic_g, accuracy="paired"),
    "hinge": _of_terms(_hinge_terms, _critic_g),
    "relativistic": Loss(_relativistic_d, _relativistic_g, uses_real=True, accuracy="paired"),
}


def d_accuracy(loss: Loss, real_logits, fake_logits) -> tuple[tf.Tensor, tf.Tensor]:
    """Which examples D judges rightly: (real_correct, fake_correct), float32 [n] each.

    A tie is half right, so a D that says the same of everything scores the ideal 0.5 and not 0
    or 1. For accuracy "paired" a pair is judged as one, and the two vectors are equal.
    """
    if loss.accuracy == "paired":
        right = _half_right(real_logits - fake_logits)
        return right, right
    return _half_right(real_logits - loss.threshold), _half_right(loss.threshold - fake_logits)


def _half_right(margin):
    return 0.5 * (tf.sign(margin) + 1.0)
