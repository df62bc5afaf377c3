"""Metrics on arrays: functions for Python callers, and METRICS, which says what `evaluate` computes from what.

A new one is a function and a line of METRICS.
"""

from tfgan_train.metrics import (
    discriminator,
    frechet,
    kernel,
    manifold,
    memorisation,
    modes,
    ms_ssim,
    parzen,
    scores,
    swd,
)
from tfgan_train.metrics.frechet import frechet_distance
from tfgan_train.metrics.inputs import Inputs, Metric
from tfgan_train.metrics.kernel import kernel_distance
from tfgan_train.metrics.linear_probe import linear_probe
from tfgan_train.metrics.manifold import density_coverage, precision_recall
from tfgan_train.metrics.memorisation import measure as memorisation_tests
from tfgan_train.metrics.ms_ssim import diversity
from tfgan_train.metrics.parzen import measure as parzen_log_likelihood
from tfgan_train.metrics.pixels import as_rows
from tfgan_train.metrics.result import Result
from tfgan_train.metrics.scores import class_kl, classifier_score
from tfgan_train.metrics.swd import laplacian_sliced_wasserstein, sliced_wasserstein

__all__ = [
    "METRICS",
    "Inputs",
    "Metric",
    "Result",
    "class_kl",
    "classifier_score",
    "density_coverage",
    "diversity",
    "frechet_distance",
    "kernel_distance",
    "laplacian_sliced_wasserstein",
    "linear_probe",
    "memorisation_tests",
    "parzen_log_likelihood",
    "precision_recall",
    "sliced_wasserstein",
]

METRICS = {
    "frechet": Metric(
        lambda i: frechet.measure(i.real_features, i.fake_features, i.seed),
        ("real_features", "fake_features"),
        "Frechet distance of features, and extrapolated to infinitely many samples",
    ),
    "kernel": Metric(
        lambda i: [kernel.kernel_distance(i.real_features, i.fake_features, seed=i.seed)],
        ("real_features", "fake_features"),
        "kernel distance of features, unbiased",
    ),
    "manifold": Metric(
        lambda i: manifold.measure(i.real_features, i.fake_features),
        ("real_features", "fake_features"),
        "precision, recall, density and coverage of features",
    ),
    "classifier_score": Metric(
        lambda i: [scores.classifier_score(i.fake_probabilities, seed=i.seed)],
        ("fake_probabilities",),
        "the Inception Score's formula",
    ),
    "class_kl": Metric(
        lambda i: [scores.class_kl(i.fake_probabilities, i.real_probabilities, seed=i.seed)],
        ("fake_probabilities", "real_probabilities"),
        "class histogram, and its KL from the data's",
    ),
    "swd": Metric(
        lambda i: [swd.sliced_wasserstein(i.real_images, i.fake_images, seed=i.seed)],
        ("real_images", "fake_images"),
        "sliced Wasserstein distance of pixels",
    ),
    "laplacian_swd": Metric(
        lambda i: [swd.laplacian_sliced_wasserstein(i.real_images, i.fake_images, seed=i.seed)],
        ("real_images", "fake_images"),
        "sliced Wasserstein distance of Laplacian pyramid patches (x 1000)",
        default=False,
    ),
    "ms_ssim": Metric(
        lambda i: [ms_ssim.diversity(i.fake_images, seed=i.seed)],
        ("fake_images",),
        "structural similarity between samples: diversity",
    ),
    "memorisation": Metric(
        lambda i: memorisation.measure(
            as_rows(i.train_images), as_rows(i.heldout_images), as_rows(i.fake_images), i.seed
        ),
        ("train_images", "heldout_images", "fake_images"),
        "nearest training images of samples against those of held-out images",
        of_data={"memorisation": 0.0, "copied_share": 0.0},
    ),
    "parzen": Metric(
        lambda i: [parzen.measure(_flat(i.fake_images), _flat(i.validation_images), _flat(i.test_images))],
        ("fake_images", "validation_images", "test_images"),
        "Parzen-window log-likelihood (Goodfellow et al. 2014)",
        default=False,
    ),
    "mixture_modes": Metric(
        lambda i: modes.mixture_modes(i.fake_points, i.means, i.sigma),
        ("fake_points", "means", "sigma"),
        "modes and high-quality share of a 2-D mixture",
        default=False,
        of_data={"high_quality": modes.CEILING},
    ),
    "stacked_modes": Metric(
        lambda i: modes.stacked_modes(i.fake_channel_classes),
        ("fake_channel_classes",),
        "modes and KL of stacked digits",
        default=False,
        of_data={},
    ),
    "discriminator": Metric(
        lambda i: discriminator.measure(i.train_logits, i.heldout_logits, i.fake_logits, i.threshold),
        ("train_logits", "heldout_logits", "fake_logits"),
        "the discriminator on training and held-out images",
        of_data={"d_accuracy": 0.5, "d_gap": 0.0},
    ),
}


def _flat(images):
    """uint8 [n, H, W, C] -> float64 [n, F] in [0, 1], at full size."""
    return images.reshape(len(images), -1) / 255.0
