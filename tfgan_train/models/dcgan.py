"""Strided convolutions after Radford et al. 2015, for any image size.

The sizes are planned from the image's shape: halve, rounding up, until the base is small.
28 gives 7-14-28, 64 gives 4-8-16-32-64, 200 gives 7-13-25-50-100-200.
"""

import tensorflow as tf

from tfgan_train.common.errors import UserError
from tfgan_train.models import base
from tfgan_train.models.architecture import Architecture
from tfgan_train.models.base import Discriminator, Generator, Stage, child
from tfgan_train.models.layers import Conv, Dense, UpConv, activation

LARGEST_BASE = 7
SMALLEST = 8  # pixels of an image's longer side
WIDEST = 8  # channels never exceed this many times the width


def size_plan(height: int, width: int, stages: int = 0) -> list[tuple[int, int]]:
    """Sizes from the base to the image.

    Args:
      height, width: of the image.
      stages: number of doublings; 0 halves until both sides are at most 7 or one is at most 4.
    """
    plan = [(height, width)]
    while (len(plan) <= stages) if stages else (max(plan[0]) > LARGEST_BASE and min(plan[0]) > 4):
        plan.insert(0, (-(-plan[0][0] // 2), -(-plan[0][1] // 2)))
    return plan


class DenseImage(Dense):
    """[n, inputs] -> [n, *shape]: a dense layer that ends as a small image."""

    def __init__(self, shape: tuple[int, int, int], init, use_bias, **kwargs):
        super().__init__(shape[0] * shape[1] * shape[2], init, use_bias, **kwargs)
        self._image_shape = shape

    def call(self, x, training=False):
        y = tf.reshape(super().call(x, training), [-1, *self._image_shape])
        self.output_size = self._image_shape
        return y


class DcganGenerator(Generator):
    """z (-> dense) -> dense to the base (-> a convolution there) -> transposed convolutions, each doubling the size."""

    def __init__(self, config, data):
        super().__init__(config, data)
        height, width, channels = data.image_shape
        self._plan = size_plan(height, width, config.g_depth)
        self._widths = [config.g_width * min(WIDEST, 2**i) for i in range(len(self._plan) - 1, -1, -1)]
        if not config.g_final_conv:
            # The last upsampling makes the image itself.
            self._widths = self._widths[1:] + [channels]
        before = config.norm_placement == "before"
        use_bias = config.g_norm != "batch" or before
        pieces = activation(config.g_activation)[1]
        base = DenseImage(
            (*self._plan[0], (config.g_base_width or self._widths[0]) * pieces), self.new_init, use_bias, name="base"
        )
        self.stages = []
        if config.g_dense:
            layer = Dense(config.g_dense * pieces, self.new_init, use_bias, name="dense")
            self.stages.append(
                Stage(
                    layer,
                    config.g_activation,
                    config.g_dropout,
                    config.g_norm,
                    config.norm_placement,
                    image=False,
                    name="dense_stage",
                )
            )
        self.stages.append(
            Stage(
                base,
                config.g_activation,
                config.g_dropout,
                config.g_norm,
                config.norm_placement,
                image=not before,
                name="stage0",
            )
        )
        if config.g_base_width:
            layer = Conv(self._widths[0] * pieces, config.kernel_size, 1, self.new_init, use_bias, name="base_conv")
            self.stages.append(self._stage(layer, False, "stage0_conv"))
        for i in range(1, len(self._plan)):
            last = i == len(self._plan) - 1 and not config.g_final_conv
            layer = UpConv(
                self._widths[i] * (1 if last else pieces),
                config.kernel_size,
                self._plan[i],
                self.new_init,
                use_bias or last,
                name=f"up{i}",
            )
            self.stages.append(self._stage(layer, last, f"stage{i}"))
            self.output_layer = layer
        if config.g_final_conv:
            self.output_layer = Conv(channels, config.kernel_size, 1, self.new_init, name="image")
            self.stages.append(self._stage(self.output_layer, True, "output"))

    def _stage(self, layer, last: bool, name: str) -> Stage:
        config = self.config
        skip_norm = last and config.norm_placement == "after"
        return Stage(
            layer,
            "" if last else config.g_activation,
            0.0 if last else config.g_dropout,
            "none" if skip_norm else config.g_norm,
            config.norm_placement,
            image=True,
            name=name,
        )

    def raw_images(self, x, label, training, draw):
        for i, stage in enumerate(self.stages):
            x = stage(x, training=training, draw=child(draw, f"g{i}"))
        return x


class DcganDiscriminator(Discriminator):
    """Strided convolutions that mirror G; no normalisation on the first."""

    def _make_trunk(self) -> int:
        config, data = self.config, self.data
        height, width, _ = data.image_shape
        plan = size_plan(height, width, config.d_depth)
        spectral = config.d_norm == "spectral"
        pieces = activation(config.d_activation)[1]
        self.stages = []
        for i in range(len(plan) - 1):
            kind = config.d_norm if i else "none"
            channels = config.d_width * min(WIDEST, 2**i)
            use_bias = kind != "batch" or config.norm_placement == "before"
            layer = Conv(channels * pieces, config.kernel_size, 2, self.new_init, use_bias, spectral, name=f"down{i}")
            self.stages.append(
                Stage(
                    layer,
                    config.d_activation,
                    config.d_dropout,
                    kind,
                    config.norm_placement,
                    image=True,
                    name=f"stage{i}",
                )
            )
        self.dense = None
        if config.d_dense:
            self.dense = Stage(
                Dense(config.d_dense * pieces, self.new_init, True, spectral, name="dense"),
                config.d_activation,
                config.d_dropout,
                "none",
                "after",
                image=False,
                name="dense_stage",
            )
        return config.d_dense or config.d_width * min(WIDEST, 2 ** (len(plan) - 2))

    def trunk(self, x, label, training, draw):
        x = self._with_label_maps(x, label)
        for i, stage in enumerate(self.stages):
            x = stage(x, training=training, draw=child(draw, f"d{i}"))
        if self.dense is not None:
            x = tf.reshape(x, [-1, x.shape[1:].num_elements()])
            x = self.dense(x, training=training, draw=child(draw, "dense"))
        return x


def check(config, data, side: str) -> None:
    """Raises UserError for images that are too small to be halved as often as is asked for."""
    height, width, _ = data.image_shape
    if max(height, width) < SMALLEST:
        family = config.architecture if side == "g" else config.d_architecture or config.architecture
        raise UserError(
            f"--architecture={family} wants images of at least {SMALLEST} pixels a side, not {height}x{width}; try mlp"
        )
    deepest = max(height, width).bit_length() - 1
    depth = config.g_depth if side == "g" else config.d_depth
    if depth > deepest:
        raise UserError(f"--{side}_depth={depth}: {height}x{width} images can be halved {deepest} times at most")


ARCHITECTURE = Architecture(
    DcganGenerator,
    DcganDiscriminator,
    settings=base.SETTINGS
    | base.STAGE_SETTINGS
    | {"kernel_size", "g_dense", "d_dense", "g_base_width", "g_final_conv"},
    defaults={"g_width": 64, "d_width": 64},
    check=check,
)
