"""Further heads on D's trunk: small networks that take the last hidden features of any discriminator."""

from tfgan_train.models import dummy_inputs
from tfgan_train.models.base import Network
from tfgan_train.models.layers import Dense, activation
from tfgan_train.ops.codes import LatentSpace

HIDDEN = 128  # units of Q's own layer, as the authors' code for MNIST has them


class CodeHead(Network):
    """Q of InfoGAN: features float32 [n, m] -> float32 [n, code_size], logits and means of the codes."""

    def __init__(self, config, data):
        super().__init__(config, data, "code_head", config.d_init)
        act, pieces = activation(config.d_activation)
        self._act = act
        self.hidden = Dense(HIDDEN * pieces, self.new_init, name="hidden")
        self.output_layer = Dense(LatentSpace.of(config).code_size, self.new_init, name="codes")

    def call(self, features, training=False):
        h = self._act(self.hidden(features, training=training), training)
        return self.output_layer(h, training=training)


class ClassHead(Network):
    """AC-GAN's second head (Odena et al. 2017): features float32 [n, m] -> logits float32 [n, classes]."""

    def __init__(self, config, data):
        super().__init__(config, data, "class_head", config.d_init)
        self.output_layer = Dense(data.num_classes, self.new_init, name="classes")

    def call(self, features, training=False):
        return self.output_layer(features, training=training)


def build_heads(config, data, discriminator) -> dict[str, Network]:
    """The further heads that a run's D has, by name, with their variables made; {} where it has none.

    Args:
      config: a resolved Config.
      data: image_shape and num_classes.
      discriminator: the built D, whose features they take.
    """
    heads: dict[str, Network] = {}
    if LatentSpace.of(config).code_size:
        heads["code_head"] = CodeHead(config, data)
    if config.conditional and config.d_conditioning == "acgan":
        heads["class_head"] = ClassHead(config, data)
    if heads:
        _, images, label = dummy_inputs(config, data)
        features = discriminator.features(images, label)
        for head in heads.values():
            head(features)
    return heads
