"""docs/python_api.md runs; the functions that it names are what evaluate computes."""

import os
import pathlib
import re
import sys

import numpy as np
import pytest

from tests import processes
from tests.data_fixtures import random_images
from tfgan_train import UserError, metrics
from tfgan_train.features.on_arrays import class_probabilities, features
from tfgan_train.metrics import METRICS, Inputs

ROOT = pathlib.Path(__file__).parent.parent
RANDOM = np.random.default_rng(0)
REAL, FAKE = RANDOM.normal(size=(60, 5)), RANDOM.normal(0.3, 1, (50, 5))
P, Q = RANDOM.dirichlet(np.ones(4), 60), RANDOM.dirichlet(np.ones(4), 50)
IMAGES, OTHERS = random_images(40, 16, 16, 3), random_images(40, 16, 16, 3, seed=1)


def _called(name: str) -> list[metrics.Result]:
    inputs = Inputs(
        real_features=REAL,
        fake_features=FAKE,
        fake_probabilities=P,
        real_probabilities=Q,
        real_images=IMAGES,
        fake_images=OTHERS,
    )
    return METRICS[name].compute(inputs)


@pytest.mark.parametrize(
    "metric, results",
    [
        ("frechet", lambda: [metrics.frechet_distance(REAL, FAKE)]),
        ("kernel", lambda: [metrics.kernel_distance(REAL, FAKE)]),
        ("manifold", lambda: [*metrics.precision_recall(REAL, FAKE), *metrics.density_coverage(REAL, FAKE)]),
        ("classifier_score", lambda: [metrics.classifier_score(P)]),
        ("class_kl", lambda: [metrics.class_kl(P, Q)]),
        ("swd", lambda: [metrics.sliced_wasserstein(IMAGES, OTHERS)]),
        ("ms_ssim", lambda: [metrics.diversity(OTHERS)]),
    ],
)
def test_evaluate_computes_what_the_functions_do(metric, results):
    found = results()
    assert found == _called(metric)[: len(found)]
    assert float(found[0]) == found[0].value


def test_features_of_arrays():
    rows = features(IMAGES, "pixels")
    assert rows.shape[0] == 40 and rows.ndim == 2
    np.testing.assert_array_equal(features(IMAGES[:7], "pixels", data=OTHERS), rows[:7])
    for call, message in (
        (lambda: features(IMAGES / 255.0), r"must be uint8 \[n, H, W, C\]"),
        (lambda: features(IMAGES, "pixel"), "did you mean pixels"),
        (lambda: features(IMAGES, "classifier"), "classifier needs labels"),
        (lambda: class_probabilities(IMAGES, "pixels"), "pixels knows no classes"),
    ):
        with pytest.raises(UserError, match=message):
            call()


@pytest.mark.export
def test_the_page_runs_from_top_to_bottom(tmp_path):
    text = (ROOT / "docs" / "python_api.md").read_text(encoding="utf-8")
    code = "\n".join(re.findall(r"```python\n(.*?)```", text, re.DOTALL))
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = processes.run([sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip().endswith(re.search(r"```output\n(.*?)\n```", text, re.DOTALL)[1])
    assert (tmp_path / "runs" / "first-app" / "manifest.json").is_file()
