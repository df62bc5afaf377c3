"""Gradient penalties: pure functions of a critic that know nothing of models or devices.

Every penalty is `(critic, real, fake, draw) -> [n]`, a float32 vector with one value per example,
for the step to weigh, sum and divide by the global batch.

`critic` takes images [n, H, W, C] to logits [n], with labels and augmentation bound in it. It
judges examples one by one: with batch normalisation in it, an example's gradient would be
mixed with its neighbours'. `real` and `fake` are float32 images [n, H, W, C]; whoever doesn't want
the generator to learn from the penalty cuts `fake` off from it. `draw` is this step's
randomness. Gradients are summed up in float32 whatever the critic computes in.
"""

import dataclasses
import functools
from collections.abc import Callable, Sequence

import tensorflow as tf

from tfgan_train.ops.replicas import mean_over_replicas

# sqrt has an infinite slope at 0, and 0 times that is NaN.
_EPSILON = 1e-12


class Critic:
    """A critic that can differentiate its logits by images which it has already judged.

    The step judges `real` and `fake` anyway, for its loss. When it does so with a Critic, the
    penalties at these very tensors start from those passes and don't run the network again,
    which takes a quarter to a third off a step of D with R1 (measured on a small DCGAN).

    Args:
      function: (images, *more) -> (logits [n], features). Penalties call it with images alone. With `look` it has a
        keyword `maps`, what that made of the images.
      scale: multiplies the logits before they are differentiated, and the gradient is divided by it
        in float32: in float16 a small gradient by the pixels would be 0 on its way through D
        (Micikevicius et al. 2018, section 3.2). None: 1.
      look: images -> what else the trained layers take, from layers that are frozen; None: nothing. Its outputs count
        as inputs of the critic: no gradient goes through the frozen layers.
      maps_weight: of the squared gradients at those outputs, beside 1 for those at the images.
    """

    def __init__(
        self, function, scale: tf.Tensor | None = None, look: Callable | None = None, maps_weight: float = 0.0
    ):
        self._function, self._scale, self._look, self._weight = function, scale, look, maps_weight
        self._judged: list[tuple] = []

    def __call__(self, images) -> tf.Tensor:
        """The logits [n] of images, from a pass of their own."""
        return self.judge(images)[0]

    def judge(self, images, *more, maps: Sequence[tf.Tensor] | None = None) -> tuple:
        """What the function gives: (logits, features) of images; `maps`: what `look` made of them before."""
        if self._look is not None and maps is None:
            maps = self._look(images)
        maps = [tf.stop_gradient(one) for one in maps or ()]
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch([images, *maps])
            logits, features = self._function(images, *more, **({"maps": maps} if maps else {}))
            judged = tf.reduce_mean(logits, -1) if logits.shape.rank == 2 else logits  # of several heads, their mean
        self._judged.append((images, maps, judged, tape))
        return logits, features

    def squared_gradient(self, images) -> tf.Tensor:
        """||gradient of each example's logit by its pixels||^2 (and by its maps, weighed), float32 [n]."""
        if not any(judged is images for judged, *_ in self._judged):
            self.judge(images)
        at = next(i for i, (judged, *_) in enumerate(self._judged) if judged is images)
        _, maps, logits, tape = self._judged.pop(at)  # since a tape gives its gradient once
        scales = None if self._scale is None else tf.fill(tf.shape(logits), tf.cast(self._scale, logits.dtype))
        wanted = [images, *maps] if self._weight else [images]
        gradients = tape.gradient(logits, wanted, output_gradients=scales)
        at_images, *at_maps = (self._squares(gradient) for gradient in gradients)
        return at_images + self._weight * tf.add_n(at_maps) if at_maps else at_images

    def _squares(self, gradient) -> tf.Tensor:
        gradient = tf.cast(gradient, tf.float32)
        if self._scale is not None:
            gradient /= self._scale
        return tf.reduce_sum(tf.square(gradient), axis=range(1, gradient.shape.rank))


def _squared_gradient(critic, images):
    if not isinstance(critic, Critic):
        critic = Critic(lambda x, logits=critic: (logits(x), None))
    return critic.squared_gradient(images)


def _distance_of_norm_from_target(critic, images, target, one_sided):
    excess = tf.sqrt(_squared_gradient(critic, images) + _EPSILON) / target - 1.0
    return tf.square(tf.maximum(excess, 0.0) if one_sided else excess)


def r1(critic, real, fake, draw):
    """||grad D(x)||^2 / 2: Mescheder et al. 2018 (arXiv:1801.04406), equation 9; the weight is
    their gamma."""
    del fake, draw
    return 0.5 * _squared_gradient(critic, real)


def r2(critic, real, fake, draw):
    """||grad D(G(z))||^2 / 2: as above, equation 10."""
    del real, draw
    return 0.5 * _squared_gradient(critic, fake)


def r1_r2(critic, real, fake, draw):
    """R1 + R2, as R3GAN has it: Huang et al. 2024 (arXiv:2501.05441), section 2."""
    return r1(critic, real, fake, draw) + r2(critic, real, fake, draw)


def wgan_gp(critic, real, fake, draw, target=1.0, one_sided=False):
    """(||grad D(x')|| / target - 1)^2, x' uniform on the line from each real image to its fake: Gulrajani
    et al. 2017 (arXiv:1704.00028), equation 3, where the weight is 10 and the target 1.

    `one_sided`: smaller norms than the target cost nothing (their section 4).
    """
    share = draw.uniform((1, 1, 1))
    return _distance_of_norm_from_target(critic, real + share * (fake - real), target, one_sided)


def dragan(critic, real, fake, draw, target=1.0, one_sided=False):
    """(||grad D(x + noise)|| / target - 1)^2 round the real images: Kodali et al. 2017 (arXiv:1705.07215),
    section 2.3, where the weight is 10.

    The noise is that of the authors' code: uniform in [0, std / 2) for each pixel, with the
    standard deviation of all pixels of the global batch.
    """
    del fake
    mean, mean_square = tf.unstack(
        mean_over_replicas(tf.stack([tf.reduce_mean(real), tf.reduce_mean(tf.square(real))]))
    )
    std = tf.sqrt(tf.maximum(mean_square - tf.square(mean), 0.0))
    noise = 0.5 * std * draw.uniform(tuple(real.shape[1:]))
    return _distance_of_norm_from_target(critic, real + noise, target, one_sided)


def automatic_weight(height: int, width: int, batch_size: int) -> float:
    """gamma = 0.0002 * pixels / batch: the rule of the code of StyleGAN2-ADA (`--cfg=auto`).

    Karras et al. 2020 (arXiv:2006.06676) take gamma / 2 times R1 in images of [-1, 1], which is R1's scale here. A
    heuristic of theirs for photographs of 256 to 1,024 pixels a side: the paper itself tunes gamma for each data set.
    """
    return 0.0002 * height * width / batch_size


@dataclasses.dataclass(frozen=True)
class Penalty:
    """A penalty, and what it costs.

    Attributes:
      function: as this file's docstring has it.
      has_target: whether the function also takes `target` and `one_sided`, as wgan_gp does.
      of_squares: whether it is of squared gradients, as R1 is: what `automatic_weight` is for.
      apart: whether it looks at real images and at fakes apart, so that each keeps its own label; wgan_gp mixes them.
      passes: of D for each real image. A gradient by the images is a backward pass, and
        differentiating it takes two more; judging other images than the loss's adds a forward pass.
    """

    function: Callable
    passes: int
    has_target: bool = False
    of_squares: bool = False
    apart: bool = False

    def aimed(self, target: float, one_sided: bool) -> "Penalty":
        """The same with these settings, where it has them."""
        if not self.has_target:
            return self
        return dataclasses.replace(self, function=functools.partial(self.function, target=target, one_sided=one_sided))

    def __call__(self, critic, real, fake, draw) -> tf.Tensor:
        return self.function(critic, real, fake, draw)


PENALTIES = {
    "r1": Penalty(r1, passes=3, of_squares=True, apart=True),
    "r2": Penalty(r2, passes=3, of_squares=True, apart=True),
    "r1_r2": Penalty(r1_r2, passes=6, of_squares=True, apart=True),
    "wgan_gp": Penalty(wgan_gp, passes=4, has_target=True),
    "dragan": Penalty(dragan, passes=4, has_target=True, apart=True),
}
