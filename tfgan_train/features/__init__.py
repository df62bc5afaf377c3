"""Feature networks by name. FEATURES: name -> build(Request) -> Extractor; a new one is a file and a line here."""

from tfgan_train.features import channels, classifier, efficientnet, inception, pixels
from tfgan_train.features.extractor import Extractor, Request, extract

__all__ = ["FEATURES", "Extractor", "Request", "extract"]

FEATURES = {
    "classifier": classifier.build,
    "inception": inception.build,
    "efficientnet": efficientnet.build,
    "pixels": pixels.build,
    "channels": channels.build,
}
