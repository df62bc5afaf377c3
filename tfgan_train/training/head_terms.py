"""What D's further heads add to both losses, and what each step reports of them."""

from typing import NamedTuple

import tensorflow as tf

from tfgan_train.config.fields import Config
from tfgan_train.objective.information import class_terms, code_terms, continuous_error, information_bound
from tfgan_train.ops.codes import LatentSpace
from tfgan_train.training.gan import Gan


class Wanted(NamedTuple):
    """What a batch's fakes shall show.

    Attributes:
      label: int32 [n].
      code: float32 [n, code_size].
    """

    label: tf.Tensor
    code: tf.Tensor


def head_metrics(config: Config) -> tuple[str, ...]:
    """Names of the numbers that `HeadTerms` reports."""
    space = LatentSpace.of(config)
    acgan = config.conditional and config.d_conditioning == "acgan"
    found = {
        "code_information": bool(space.categories),
        "code_error": space.continuous > 0,
        "class_accuracy_real": acgan,
        "class_accuracy_fake": acgan,
    }
    return tuple(name for name, has in found.items() if has)


class HeadTerms:
    """The heads' terms by example, to be added to the losses by example.

    The authors' code of InfoGAN has lambda L_I in both losses, each of which is minimised by its own network's
    variables; Q shares D's trunk and is trained with it. AC-GAN's L_C (Odena et al. 2017, equation 3) is of real and
    fake images for D, and of fakes for G.

    Args:
      config: a resolved Config.
      gan: whose heads they are.

    Attributes:
      metrics: name -> values [n] of `head_metrics`, of the last pass over fakes.
    """

    def __init__(self, config: Config, gan: Gan) -> None:
        self._config, self._heads = config, gan.heads
        self._space = LatentSpace.of(config)
        self.metrics: dict[str, tf.Tensor] = {}

    def of_d(
        self, real_features: tf.Tensor, real_label: tf.Tensor, fake_features: tf.Tensor, wanted: Wanted
    ) -> list[tf.Tensor]:
        """[n] each, of D's loss."""
        terms = [self._code(fake_features, wanted)] if "code_head" in self._heads else []
        if "class_head" in self._heads:
            weight = self._config.class_weight
            terms += [weight * self._class("real", real_features, real_label)]
            terms += [weight * self._class("fake", fake_features, wanted.label)]
        return terms

    def of_g(self, fake_features: tf.Tensor, wanted: Wanted) -> list[tf.Tensor]:
        """[n] each, of G's loss."""
        terms = [self._code(fake_features, wanted)] if "code_head" in self._heads else []
        if "class_head" in self._heads:
            terms += [self._config.g_class_weight * self._class("fake", fake_features, wanted.label)]
        return terms

    def _class(self, kind: str, features: tf.Tensor, label: tf.Tensor) -> tf.Tensor:
        logits = self._heads["class_head"](features, training=True)
        loss, self.metrics[f"class_accuracy_{kind}"] = class_terms(logits, label)
        return loss

    def _code(self, features: tf.Tensor, wanted: Wanted) -> tf.Tensor:
        config, categories = self._config, self._space.categories
        outputs = self._heads["code_head"](features, training=True)
        categorical, continuous = code_terms(outputs, wanted.code, categories)
        self.metrics["code_information"] = information_bound(categorical, categories)
        if self._space.continuous:
            self.metrics["code_error"] = continuous_error(outputs, wanted.code, categories)
        return config.code_weight * categorical + config.code_continuous_weight * continuous
