"""The tasks that every peer runs: which networks, which loss, which batch. Plain data, no library.

Each task is a published program's: the TensorFlow DCGAN tutorial, Kristiadi's vanilla GAN, PyTorch's DCGAN
example, and WGAN-GP (Gulrajani et al. 2017) on the tutorial's networks. A generator is a list of layers,
as is a discriminator:

    ("dense", units), ("reshape", (h, w, c)), ("up", channels, kernel, stride), ("down", channels, kernel, stride),
    ("norm",), ("relu",), ("leaky", slope), ("dropout", rate), ("tanh",), ("sigmoid",), ("flatten",)

The last layers give the image in the data's range and one logit.
"""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Task:
    """What is trained, and with which flags this package trains the same."""

    image: tuple[int, int, int]
    latent: int
    batch: int
    generator: tuple
    discriminator: tuple
    loss: str  # "gan" (cross-entropy, non-saturating) or "wgan_gp"
    learning_rate: float
    betas: tuple[float, float]
    d_steps: int
    flags: tuple[str, ...]
    steps: int  # that one measurement takes at least
    uniform_z: bool = False


_TUTORIAL_G = (
    ("dense", 7 * 7 * 256),
    ("norm",),
    ("leaky", 0.3),
    ("reshape", (7, 7, 256)),
    ("up", 128, 5, 1),
    ("norm",),
    ("leaky", 0.3),
    ("up", 64, 5, 2),
    ("norm",),
    ("leaky", 0.3),
    ("up", 1, 5, 2),
    ("tanh",),
)
_TUTORIAL_D = (
    ("down", 64, 5, 2),
    ("leaky", 0.3),
    ("dropout", 0.3),
    ("down", 128, 5, 2),
    ("leaky", 0.3),
    ("dropout", 0.3),
    ("flatten",),
    ("dense", 1),
)
_TUTORIAL = Task(
    (28, 28, 1), 100, 256, _TUTORIAL_G, _TUTORIAL_D, "gan", 1e-4, (0.9, 0.999), 1, ("--recipe=tutorial_dcgan",), 12
)

_DCGAN64_G = (
    ("dense", 4 * 4 * 512),
    ("reshape", (4, 4, 512)),
    ("norm",),
    ("relu",),
    ("up", 256, 4, 2),
    ("norm",),
    ("relu",),
    ("up", 128, 4, 2),
    ("norm",),
    ("relu",),
    ("up", 64, 4, 2),
    ("norm",),
    ("relu",),
    ("up", 3, 4, 2),
    ("tanh",),
)
_DCGAN64_D = (
    ("down", 64, 4, 2),
    ("leaky", 0.2),
    ("down", 128, 4, 2),
    ("norm",),
    ("leaky", 0.2),
    ("down", 256, 4, 2),
    ("norm",),
    ("leaky", 0.2),
    ("down", 512, 4, 2),
    ("norm",),
    ("leaky", 0.2),
    ("flatten",),
    ("dense", 1),
)

TASKS = {
    "dcgan_tutorial_b64": dataclasses.replace(_TUTORIAL, batch=64, steps=40),
    "dcgan_tutorial_b256": _TUTORIAL,
    "vanilla_mlp": Task(
        (28, 28, 1),
        100,
        128,
        (("dense", 128), ("relu",), ("dense", 784), ("sigmoid",), ("reshape", (28, 28, 1))),
        (("flatten",), ("dense", 128), ("relu",), ("dense", 1)),
        "gan",
        1e-3,
        (0.9, 0.999),
        1,
        ("--recipe=vanilla_mlp",),
        1500,
        uniform_z=True,
    ),
    "dcgan64": Task(
        (64, 64, 3),
        100,
        64,
        _DCGAN64_G,
        _DCGAN64_D,
        "gan",
        2e-4,
        (0.5, 0.999),
        1,
        (
            "--recipe=radford_dcgan",
            "--g_width=64",
            "--d_width=64",
            "--kernel_size=4",
            "--latent_distribution=normal",
            "--shared_z",
        ),
        8,
    ),
    "wgan_gp": dataclasses.replace(
        _TUTORIAL,
        batch=64,
        loss="wgan_gp",
        betas=(0.0, 0.9),
        d_steps=5,
        steps=8,
        discriminator=tuple(layer for layer in _TUTORIAL_D if layer[0] != "dropout"),
        flags=(
            "--recipe=tutorial_dcgan",
            "--d_dropout=0",
            "--update=alternating",
            "--noshared_z",
            "--loss=wasserstein",
            "--penalty=wgan_gp",
            "--penalty_weight=10",
            "--d_steps=5",
            "--beta1=0",
            "--beta2=0.9",
        ),
    ),
}
