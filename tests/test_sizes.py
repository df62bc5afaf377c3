"""Images that are no squares in every command: labelled photographs of all sizes, as TFDS has them.

TFGAN_SIZES=28,96,256x160 tries other sizes, square ones too; each takes 45 seconds of a core.
"""

import json
import os

import numpy as np
import pytest
from PIL import Image

from export import main as export_main
from tests import binaries
from tests.data_fixtures import flowers
from tfgan_train import evaluate, inspect_data, main, project, sample
from tfgan_train.data.transform import parse_image_size

SIZES = os.environ.get("TFGAN_SIZES", "45x64").split(",")
SMALL = ["--recipe=smoke", "--conditional", "--batch_size=8", "--g_width=2", "--d_width=2", "--latent_dim=6"]
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tfds")
    flowers(folder, 40, 16)
    return ["--dataset=tfds:tiny_pictures", f"--data_dir={folder}"]


@pytest.fixture(scope="module", params=SIZES)
def trained(request, pictures, tmp_path_factory):
    """(the run's directory, its height and width), after two steps."""
    run = tmp_path_factory.mktemp("run") / "of"
    done(main, *pictures, *SMALL, f"--image_size={request.param}", "--steps=2", f"--run_dir={run}")
    return run, parse_image_size(request.param)


def done(command, *arguments) -> str:
    result = binaries.call(command.main, *arguments)
    assert result.status == 0, result.err
    return result.out


def test_sampled_walked_and_compared_with_real_ones(trained, tmp_path):
    run, size = trained
    done(sample, f"--run_dir={run}", "--num=3", "--label=tiger lily", f"--out={tmp_path}/x.npz")
    assert np.load(tmp_path / "x.npz")["images"].shape == (3, *size, 3)
    for name, ending in (("interpolate", "png"), ("nearest", "png"), ("walk", "gif")):
        more = ["--seconds=1", "--label=rose"] if name == "walk" else []
        done(sample, f"--run_dir={run}", "--num=2", f"--{name}", *more, f"--out={tmp_path}/{name}.{ending}")
    with Image.open(tmp_path / "walk.gif") as walk:
        assert (walk.height, walk.width) == size or walk.height / walk.width == size[0] / size[1]


def test_scored_and_projected(trained, tmp_path):
    run, size = trained
    assert "FD-pixels" in done(
        evaluate, f"--run_dir={run}", "--num=24", "--features=pixels", "--metrics=frechet,discriminator"
    )
    assert json.loads((run / "config.json").read_text())["data"]["image_shape"] == [*size, 3]
    np.save(tmp_path / "x.npy", np.zeros((1, *size, 3), np.uint8))
    flags = [f"--images={tmp_path}/x.npy", f"--out={tmp_path}/found", "--restarts=1", "--iterations=1"]
    done(project, f"--run_dir={run}", *flags)


def test_inspected(trained, pictures, tmp_path):
    size = f"--image_size={trained[1][0]}x{trained[1][1]}"
    assert "24" in done(inspect_data, *pictures, size, f"--out={tmp_path}/data.html")


@pytest.mark.export
def test_exported(trained, tmp_path):
    run, size = trained
    done(export_main, f"--run_dir={run}", f"--out_dir={tmp_path}/out", "--formats=tflite", "--tflite_batches=1")
    assert json.loads((tmp_path / "out" / "manifest.json").read_text())
