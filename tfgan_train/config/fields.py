"""Every hyper-parameter of a run, once: name, default, group, legal values, help.

The command line's flags are made from these fields (command.py), a recipe's flagfile names
them, config.json stores them, and Python callers pass them as keywords. To add a
hyper-parameter, add a field here and use it. `checks` says which values are legal, and together with what.
"""

import dataclasses
import json
import os
from typing import Any

from tfgan_train.common.errors import UserError, unknown
from tfgan_train.config import recipes

MOST_STEPS = 10**9
MODELS = "tfgan_train.models:MODELS"
AUTO = "auto"  # instead of a number: chosen once the data are known
PATHS = ("run_dir", "data_dir", "cache_dir", "from_run")  # fields in which ~ is the home
# Settings of the group "networks" that hold for every architecture; the others are for those that name them.
OF_ALL_ARCHITECTURES = {
    "architecture",
    "d_architecture",
    "generator",
    "discriminator",
    "latent_dim",
    "latent_distribution",
    "code_categories",
    "code_continuous",
}


def _field(
    default,
    group,
    text,
    choices=None,
    minimum=None,
    maximum=None,
    above=None,
    needs="",
    dotted=False,
    several=False,
    auto=False,
):
    """A field with its help.

    Args:
      default, group, text: what it is without a recipe, where it stands in the help, and what that says.
      choices: a tuple, or 'module:DICT' looked up when needed.
      minimum, maximum, above: bounds of a number.
      needs: settings without which it would do nothing, the alternatives separated by spaces: "penalty" (any but
        none), "schedule!=constant", "g_optimizer=adam d_optimizer=adam".
      dotted: whether an object of the user's own, `python:package.module:name`, is as good as one of the choices.
      several: whether it takes any number of the choices, separated by commas.
      auto: whether a number's field takes AUTO too, until the run's Config is resolved.
    """
    if needs:
        text = f"{text} (with {' or '.join(f'--{one}' for one in needs.split())} only)"
    return dataclasses.field(
        default=default,
        metadata={
            "group": group,
            "help": text,
            "choices": choices,
            "minimum": minimum,
            "maximum": maximum,
            "above": above,
            "needs": needs,
            "dotted": dotted,
            "several": several,
            "auto": auto,
        },
    )


@dataclasses.dataclass(frozen=True, init=False)
class Config:
    """The settings of one run.

    `Config(dataset="mnist10k", steps=200)` starts from this class's plain defaults, lays the
    recipe over them (`recipe`, or the one that suits the dataset) and then the keywords.

    Raises:
      UserError: for an unknown name, a wrong type or an illegal value.
    """

    # --- data
    dataset: str = _field("mnist", "data", "what to learn; the forms are below")
    data_dir: str = _field("", "data", "where TFDS keeps prepared data; empty: TFDS's own folder")
    cache_dir: str = _field(
        "", "data", "folder: and tfds: keep the decoded images in this folder and read them from there; empty: no cache"
    )
    image_size: str = _field(
        "", "data", "resize and centre-crop to this: 64 or 96x64 (height x width); empty: as the data"
    )
    channels: int = _field(
        0,
        "data",
        "1 grey, 3 colour, 4 colour with transparency (RGBA), 0 as the data, where transparent pictures lie on white",
        choices=(0, 1, 3, 4),
    )
    value_range: str = _field(
        "",
        "data",
        "folder: the values of 16-bit pictures that become black and white: LOW,HIGH; auto: those that occur; "
        "empty: 0,65535",
    )
    binarize: bool = _field(False, "data", "make each pixel black or white, split at one half")
    invert: bool = _field(False, "data", "exchange black and white")
    flip: bool = _field(
        False, "data", "mirror each real image left to right with probability 1/2, each time it is seen"
    )
    crop_padding: int = _field(
        0,
        "data",
        "shift each real image by up to N pixels, each time it is seen; what comes in is reflected",
        minimum=0,
    )
    train_examples: int = _field(0, "data", "use only the first N training images; 0: all", minimum=0)
    held_out: float = _field(
        0.0,
        "data",
        "folder: without a test split: this share of the pictures is never trained on, and scores are taken on it",
        minimum=0,
        maximum=0.5,
    )
    max_bad_fraction: float = _field(
        0.01, "data", "share of unreadable files in a folder that is still accepted", minimum=0, maximum=1
    )
    conditional: bool = _field(False, "data", "learn to draw a wanted label")
    attributes: str = _field(
        "",
        "data",
        "learn attributes, several 0/1 labels at once: folder: a CSV file (picture, then a column for each) in or "
        "beside the folder; tfds: a feature's name",
    )
    attribute_names: str = _field(
        "", "data", "which of them, as Smiling,Hat; empty: all (31 at most)", needs="attributes"
    )

    # --- run
    recipe: str = _field("", "run", "a flagfile's name from flags/; empty: the one that suits the dataset")
    run_dir: str = _field("", "run", "where the run is kept; empty: runs/<dataset>-<recipe>")
    from_run: str = _field(
        "",
        "run",
        "begin with another run's weights: RUN, RUN@STEP, RUN@best or RUN@last; settings not given are that run's",
    )
    freeze_d: int = _field(
        0, "run", "the first N stages of D keep that run's weights (Freeze-D)", minimum=0, needs="from_run"
    )
    steps: int = _field(0, "run", "generator updates to train for", minimum=0, maximum=MOST_STEPS)
    epochs: float = _field(0.0, "run", "length in passes over the data instead of --steps", minimum=0, maximum=1e9)
    seed: int = _field(1, "run", "seed of everything random in the run", minimum=0, maximum=2**31 - 1)
    devices: str = _field("auto", "run", "auto, cpu:N or gpu:N (N replicas)")
    precision: str = _field(
        "float32",
        "run",
        "number type inside the networks; auto: bfloat16 where the processor computes in it, else float32",
        choices=("float32", "bfloat16", "float16", "auto"),
    )
    log_every: int = _field(50, "run", "steps between lines of metrics.jsonl", minimum=1)
    sample_every: int = _field(
        0, "run", "steps between sample grids (more often early); 0: a twentieth of the run", minimum=0
    )
    checkpoint_every: int = _field(500, "run", "steps between checkpoints", minimum=1)
    checkpoint_minutes: float = _field(0.0, "run", "also a checkpoint whenever the last is this old; 0: no", minimum=0)
    keep_checkpoints: int = _field(3, "run", "how many of the newest checkpoints stay", minimum=2)
    eval_every: int = _field(
        0, "run", "steps between evaluations, the best of which keeps its checkpoint; 0: none", minimum=0
    )
    eval_num: int = _field(5000, "run", "images in each of those evaluations", minimum=100, needs="eval_every")
    eval_features: str = _field(
        "",
        "run",
        "their features: classifier, efficientnet, inception, pixels; empty: the best there is",
        needs="eval_every",
    )
    patience: int = _field(
        0,
        "run",
        "end the run after this many evaluations without a better Frechet distance; 0: never",
        minimum=0,
        needs="eval_every",
    )
    steps_per_loop: int = _field(
        0, "run", "steps in one call into the graph; 0: as many as the intervals allow", minimum=0
    )

    # --- networks
    architecture: str = _field(
        "dcgan",
        "networks",
        "family of both networks, or python:package.module",
        choices=MODELS,
        dotted=True,
    )
    d_architecture: str = _field(
        "",
        "networks",
        "another family for D, or python:package.module; empty: that of G",
        choices=MODELS,
        dotted=True,
    )
    generator: str = _field(
        "", "networks", "your own G: package.module:function, which returns a keras.Model; empty: the family's"
    )
    discriminator: str = _field(
        "", "networks", "your own D: package.module:function, which returns a keras.Model; empty: the family's"
    )
    latent_dim: int = _field(100, "networks", "length of z", minimum=1)
    latent_distribution: str = _field(
        "normal", "networks", "how z is drawn; uniform is in [-1, 1]", choices=("normal", "uniform")
    )
    code_categories: str = _field(
        "",
        "networks",
        "InfoGAN: sizes of the categorical codes that G takes behind z, as 10 or 20,20; empty: none",
    )
    code_continuous: int = _field(
        0,
        "networks",
        "InfoGAN: number of continuous codes in [-1, 1] that G takes behind z",
        minimum=0,
        maximum=100,
    )
    code_scale: float = _field(
        1.0,
        "networks",
        "InfoGAN: factor of the codes where G takes them; the root of --latent_dim makes one as loud as z's noise",
        above=0,
        needs="code_categories code_continuous",
    )
    g_width: int = _field(0, "networks", "units (mlp) or channels before the image; 0: the family's own", minimum=0)
    d_width: int = _field(0, "networks", "units (mlp) or channels after the image; 0: the family's own", minimum=0)
    g_depth: int = _field(0, "networks", "hidden layers (mlp) or doublings; 0: the family's own", minimum=0)
    d_depth: int = _field(0, "networks", "hidden layers (mlp) or halvings; 0: the family's own", minimum=0)
    blocks: int = _field(2, "networks", "residual blocks at each image size", minimum=1, maximum=100)
    mapping_depth: int = _field(2, "networks", "layers of the network that makes w of z", minimum=1, maximum=100)
    mapping_lr: float = _field(
        0.01, "networks", "rate of the network that makes w of z, as a share of --g_lr", above=0, maximum=1
    )
    g_norm: str = _field(
        "batch", "networks", "normalisation in G", choices=("none", "batch", "layer", "instance", "group")
    )
    d_norm: str = _field(
        "batch", "networks", "normalisation in D", choices=("none", "batch", "layer", "instance", "group", "spectral")
    )
    norm_placement: str = _field(
        "after",
        "networks",
        "after a layer's weights, or before every layer",
        choices=("after", "before"),
        needs="g_norm d_norm=batch,layer,instance,group",
    )
    g_activation: str = _field(
        "relu", "networks", "hidden activation of G: relu, leaky_relu:0.2, elu, tanh, maxout:5 …"
    )
    d_activation: str = _field("leaky_relu:0.2", "networks", "hidden activation of D")
    g_output: str = _field(
        "tanh", "networks", "squashes G's last layer into the pixel range", choices=("tanh", "sigmoid")
    )
    g_output_bias: str = _field(
        "zero", "networks", "start of G's last bias; data: the mean image", choices=("zero", "data")
    )
    d_input_range: str = _field(
        "symmetric", "networks", "pixels as D sees them: [-1, 1] or [0, 1]", choices=("symmetric", "unit")
    )
    d_head: str = _field(
        "logit",
        "networks",
        "D's output: one logit, or a softmax over two (tanh) units",
        choices=("logit", "softmax", "tanh_softmax"),
    )
    d_dense: int = _field(
        0,
        "networks",
        "units of a dense layer between D's convolutions and its output; 0: none",
        minimum=0,
    )
    g_dense: int = _field(
        0,
        "networks",
        "units of a dense layer between z and G's smallest image; 0: none",
        minimum=0,
    )
    g_label_std: float = _field(
        0.0,
        "networks",
        "standard deviation of the labels' embeddings in G at the start; 0: as --g_init has it",
        minimum=0,
        needs="conditional",
    )
    d_conditioning: str = _field(
        "projection",
        "networks",
        "how D takes the label; acgan: it doesn't, a second head has to name it",
        choices=("projection", "concat", "acgan"),
        needs="conditional",
    )
    g_dropout: float = _field(0.0, "networks", "share of hidden units dropped in G", minimum=0, maximum=0.95)
    d_dropout: float = _field(0.0, "networks", "share of hidden units dropped in D", minimum=0, maximum=0.95)
    d_input_dropout: float = _field(0.0, "networks", "share of pixels dropped before D", minimum=0, maximum=0.95)
    g_base_width: int = _field(
        0,
        "networks",
        "channels of G's smallest image, where a convolution of stride 1 follows it; 0: no such convolution",
        minimum=0,
    )
    g_final_conv: bool = _field(
        False,
        "networks",
        "a convolution of stride 1 makes the image after the last upsampling",
    )
    kernel_size: int = _field(5, "networks", "side of dcgan's convolutions", minimum=2, maximum=15)
    g_init: str = _field(
        "normal:0.02", "networks", "start of G's weights: normal:STD, uniform:LIMIT, glorot, he, orthogonal"
    )
    d_init: str = _field("normal:0.02", "networks", "start of D's weights")
    minibatch_discrimination: int = _field(
        0, "networks", "kernels with which D compares the images of a batch; 0: none", minimum=0
    )

    # --- objective
    loss: str = _field(
        "non_saturating", "objective", "adversarial loss", choices="tfgan_train.objective.losses:LOSSES", dotted=True
    )
    label_smoothing: float = _field(
        0.0, "objective", "one-sided: D's target for real images is 1 minus this", minimum=0, maximum=0.5
    )
    fake_label_smoothing: float = _field(
        0.0, "objective", "two-sided: D's target for fakes is 0 plus this", minimum=0, maximum=0.5
    )
    real_weight: float = _field(1.0, "objective", "factor of D's loss at real images", above=0)
    fake_weight: float = _field(1.0, "objective", "factor of D's loss at fakes", above=0)
    label_flip: float = _field(
        0.0, "objective", "share of pairs whose real and fake labels are exchanged for D", minimum=0, maximum=0.5
    )
    instance_noise: float = _field(0.0, "objective", "standard deviation of noise on D's inputs", minimum=0)
    instance_noise_steps: int = _field(
        0, "objective", "steps over which that noise falls to zero; 0: it stays", minimum=0, needs="instance_noise"
    )
    penalty: str = _field(
        "none", "objective", "gradient penalty on D", choices="tfgan_train.objective.penalties:PENALTIES", dotted=True
    )
    penalty_weight: float = _field(
        10.0,
        "objective",
        "the penalty's factor; auto: 0.0002 * pixels / batch, for r1, r2 and r1_r2",
        minimum=0,
        needs="penalty",
        auto=True,
    )
    penalty_target: float = _field(
        1.0, "objective", "gradient norm that the penalty wants", above=0, needs="penalty=wgan_gp,dragan"
    )
    penalty_one_sided: bool = _field(False, "objective", "only norms above that cost", needs="penalty=wgan_gp,dragan")
    penalty_at_maps: float = _field(
        1.0,
        "objective",
        "weight of the penalty at a projected D's feature maps, beside 1 at the pixels",
        minimum=0,
        needs="d_architecture=projected",
    )
    penalty_every: int = _field(1, "objective", "apply it every N steps, N times as strong", minimum=1, needs="penalty")
    weight_clip: float = _field(
        0.0, "objective", "clip D's weights to plus or minus this after each update; 0: no", minimum=0
    )
    augment: str = _field(
        "",
        "objective",
        "differentiable augmentations of what D sees, by commas; ada is steered",
        choices="tfgan_train.objective.augment:AUGMENTATIONS",
        dotted=True,
        several=True,
    )
    augment_probability: float = _field(
        1.0, "objective", "share of images that have each of them", minimum=0, maximum=1, needs="augment"
    )
    ada_target: float = _field(
        0.6,
        "objective",
        "the mean sign of D at real images (r_t) above which ADA's probability rises",
        minimum=-1,
        maximum=1,
        needs="augment=ada",
    )
    ada_images: int = _field(
        100_000,
        "objective",
        "images that D sees while ADA's probability goes from 0 to 1",
        minimum=1,
        needs="augment=ada",
    )
    class_weight: float = _field(
        1.0,
        "objective",
        "AC-GAN: weight in D's loss of naming the classes of real and fake images",
        minimum=0,
        needs="d_conditioning=acgan",
    )
    g_class_weight: float = _field(
        1.0,
        "objective",
        "AC-GAN: weight in G's loss of fakes that D's second head names wrongly",
        minimum=0,
        needs="d_conditioning=acgan",
    )
    code_weight: float = _field(
        1.0,
        "objective",
        "InfoGAN: weight of the categorical codes' information in both losses (lambda)",
        minimum=0,
        needs="code_categories",
    )
    code_continuous_weight: float = _field(
        1.0,
        "objective",
        "InfoGAN: weight of the continuous codes' information in both losses",
        minimum=0,
        needs="code_continuous",
    )
    fake_pool: int = _field(
        0,
        "objective",
        "half of D's fakes are past ones, drawn from a pool of N; 0: all are new",
        minimum=0,
        needs="update=alternating",
    )
    historical_averaging: float = _field(
        0.0, "objective", "weight of the pull towards each network's own past mean", minimum=0
    )
    feature_matching: float = _field(0.0, "objective", "weight of matching D's mean features in G's loss", minimum=0)

    # --- optimisation
    batch_size: int = _field(64, "optimisation", "images in a step, over all replicas", minimum=1)
    d_steps: int = _field(1, "optimisation", "updates of D for each of G", minimum=1, maximum=100)
    update: str = _field(
        "alternating",
        "optimisation",
        "alternating: D, then G against the new D; simultaneous: both from one pass",
        choices=("alternating", "simultaneous"),
    )
    shared_z: bool = _field(
        True, "optimisation", "G's update reuses the fakes of D's last one", needs="update=alternating"
    )
    g_optimizer: str = _field(
        "adam", "optimisation", "optimiser of G", choices="tfgan_train.objective.optimizers:OPTIMIZERS", dotted=True
    )
    d_optimizer: str = _field(
        "adam", "optimisation", "optimiser of D", choices="tfgan_train.objective.optimizers:OPTIMIZERS", dotted=True
    )
    g_lr: float = _field(2e-4, "optimisation", "learning rate of G", above=0)
    d_lr: float = _field(2e-4, "optimisation", "learning rate of D", above=0)
    beta1: float = _field(
        0.5,
        "optimisation",
        "Adam's decay of the mean gradient",
        minimum=0,
        maximum=0.99999,
        needs="g_optimizer=adam d_optimizer=adam",
    )
    beta2: float = _field(
        0.999,
        "optimisation",
        "Adam's decay of the squared gradient",
        minimum=0,
        maximum=0.9999999,
        needs="g_optimizer=adam d_optimizer=adam",
    )
    rho: float = _field(
        0.9,
        "optimisation",
        "RMSprop's decay of the squared gradient",
        minimum=0,
        maximum=0.9999999,
        needs="g_optimizer=rmsprop d_optimizer=rmsprop",
    )
    epsilon: float = _field(
        1e-8,
        "optimisation",
        "Adam's and RMSprop's guard against division by zero",
        above=0,
        needs="g_optimizer=adam,rmsprop d_optimizer=adam,rmsprop",
    )
    momentum: float = _field(
        0.0,
        "optimisation",
        "momentum of sgd and rmsprop",
        minimum=0,
        maximum=0.9999,
        needs="g_optimizer=sgd,rmsprop d_optimizer=sgd,rmsprop",
    )
    momentum_final: float = _field(
        0.0,
        "optimisation",
        "momentum at the end of its linear rise; 0: it does not rise",
        minimum=0,
        maximum=0.9999,
        needs="g_optimizer=sgd,rmsprop d_optimizer=sgd,rmsprop",
    )
    momentum_epochs: float = _field(
        0.0,
        "optimisation",
        "epoch at which the rise ends (it starts after the first)",
        minimum=0,
        needs="momentum_final",
    )
    schedule: str = _field(
        "constant", "optimisation", "course of both learning rates", choices="tfgan_train.objective.schedules:SCHEDULES"
    )
    schedule_decay: float = _field(
        1.0, "optimisation", "exponential: the factor for each step", above=0, maximum=1, needs="schedule=exponential"
    )
    schedule_floor: float = _field(
        0.0, "optimisation", "no learning rate falls below this", minimum=0, needs="schedule!=constant"
    )
    warmup_steps: int = _field(0, "optimisation", "steps over which both rates rise from zero", minimum=0)
    cooldown_steps: int = _field(
        0, "optimisation", "steps over which both rates fall to zero at the end, whatever the schedule", minimum=0
    )
    ema_half_life: float = _field(
        10000.0, "optimisation", "images after which a weight counts half in G's average; 0: no averaging", minimum=0
    )
    burn_in_steps: int = _field(
        0,
        "optimisation",
        "steps over which settings with a --…_start go from it, by half a cosine, to the value that they have after",
        minimum=0,
    )
    g_lr_start: float = _field(
        -1.0, "optimisation", "--g_lr at step 0; -1: as after", minimum=-1, needs="burn_in_steps"
    )
    d_lr_start: float = _field(
        -1.0, "optimisation", "--d_lr at step 0; -1: as after", minimum=-1, needs="burn_in_steps"
    )
    beta2_start: float = _field(
        -1.0, "optimisation", "--beta2 at step 0; -1: as after", minimum=-1, maximum=0.9999999, needs="burn_in_steps"
    )
    penalty_weight_start: float = _field(
        -1.0, "optimisation", "--penalty_weight at step 0; -1: as after", minimum=-1, needs="burn_in_steps"
    )
    ema_half_life_start: float = _field(
        -1.0, "optimisation", "--ema_half_life at step 0; -1: as after", minimum=-1, needs="burn_in_steps"
    )
    augment_probability_start: float = _field(
        -1.0,
        "optimisation",
        "--augment_probability at step 0; -1: as after",
        minimum=-1,
        maximum=1,
        needs="burn_in_steps",
    )

    def __init__(self, **given: Any):
        """Plain defaults, then the recipe, then `given`; each value checked by itself."""
        for name in given:
            if name not in FIELDS:
                raise UserError(unknown("setting", name, FIELDS))
        given = {name: _typed(FIELDS[name], value) for name, value in given.items()}
        dataset = given.get("dataset", FIELDS["dataset"].default)
        recipe = given.get("recipe") or recipes.default_for(dataset)
        values: dict[str, Any] = {name: field.default for name, field in FIELDS.items()}
        # A stored config is complete: it can be read where its recipe isn't installed.
        laid_under = {} if given.keys() == FIELDS.keys() else recipes.read(recipe)
        for name, value in laid_under.items():
            if name not in FIELDS:
                raise UserError(f"recipe {recipe}: {unknown('flag', name, FIELDS)}")
            values[name] = _typed(FIELDS[name], value)
        # A recipe's length is a default: asking for the other unit of length replaces it.
        if "epochs" in given and "steps" not in given:
            values["steps"] = 0
        if "steps" in given and "epochs" not in given:
            values["epochs"] = 0.0
        values |= given | {"recipe": recipe}
        values |= {name: os.path.expanduser(values[name]) for name in PATHS}
        for name, value in values.items():
            object.__setattr__(self, name, value)
        # No field, so that nothing stores it.
        object.__setattr__(self, "_given", frozenset(given))

    @property
    def given(self) -> frozenset[str]:
        """Names of the settings that were asked for, beside what the recipe and the defaults say."""
        return self._given  # type: ignore[attr-defined]

    @property
    def asked_for(self) -> frozenset[str]:
        """`given`, or none where all were: a complete Config, as one read from a file, asks for no single one."""
        return frozenset() if self.given == FIELDS.keys() else self.given

    def replace(self, **changes: Any) -> "Config":
        """A copy with some fields changed."""
        made = Config(**(dataclasses.asdict(self) | changes))
        object.__setattr__(made, "_given", self.given | changes.keys())
        return made

    def as_dict(self) -> dict:
        """Field name -> value, as config.json stores it."""
        return dataclasses.asdict(self)

    def to_json(self) -> str:
        return json.dumps(self.as_dict(), indent=2)

    @classmethod
    def from_json(cls, text: str) -> "Config":
        return cls(**json.loads(text))


FIELDS = {field.name: field for field in dataclasses.fields(Config)}


def _typed(field: dataclasses.Field, value: Any):
    """`value` (text from a flagfile, or a Python value) as the field's type."""
    kind: Any = field.type
    if type(value) is kind or (field.metadata["auto"] and value == AUTO):
        return value
    try:
        # int(True) is 1 and str([]) is "[]", which nobody means.
        if value is None or isinstance(value, (bool, list, tuple, dict)):
            raise TypeError
        if kind is bool:
            return {"true": True, "1": True, "false": False, "0": False}[str(value).lower()]
        if kind is int and isinstance(value, float) and value != int(value):
            raise ValueError
        return kind(value)
    except (KeyError, ValueError, TypeError, OverflowError):
        or_auto = f" or {AUTO}" if field.metadata["auto"] else ""
        raise UserError(f"--{field.name}={value} is not {_KIND[kind]}{or_auto}") from None


_KIND = {int: "a whole number", float: "a number", bool: "true or false", str: "text"}
