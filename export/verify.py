"""Runs each exported file in a fresh process and compares its pictures with the float generator's."""

import dataclasses
import math
import pathlib
import subprocess
import sys
import tempfile
from collections.abc import Sequence

import numpy as np

from export import flatbuffer
from export.calls import Call, calls_of
from export.formats import Artefact
from export.generator import Generator
from export.tflite import SMALL_TENSOR

# What identical images are said to have: JSON has no infinity.
IDENTICAL_DB = 200.0
# Runtimes' logarithms and cosines differ in their last bits.
LATENT_TOLERANCE = 1e-4
CHILD_SECONDS = 1800


@dataclasses.dataclass
class Report:
    """What a file's verification found.

    Attributes:
      psnr_db: call -> peak signal-to-noise ratio of its images.
      latency_ms: call -> median milliseconds, on the number of threads asked for.
      threads: that number.
      failures: plain sentences; empty where the file keeps its promise.
    """

    threads: int
    psnr_db: dict[str, float] = dataclasses.field(default_factory=dict)
    latency_ms: dict[str, float] = dataclasses.field(default_factory=dict)
    failures: list[str] = dataclasses.field(default_factory=list)


def verify(
    generator: Generator, artefact: Artefact, path: pathlib.Path, batches: Sequence[int], threads: int = 1
) -> Report:
    """Loads the file in a process without this project and holds it to the artefact's promise.

    Args:
      generator: the reference.
      path: the file or folder to check.
      batches: the TFLite files' batch sizes; the others are run at the same.
      threads: for the runtime, so that latencies can be compared.
    """
    report = Report(threads)
    calls = calls_of(generator, artefact, path, batches)
    try:
        results = run_isolated(artefact.loader, path, calls, threads)
    except ChildFailed as error:
        report.failures.append(f"does not run: {error}")
        return report
    pairs: dict[str, list[tuple[np.ndarray, np.ndarray | None]]] = {}
    for call in calls:
        outputs = {
            key.rpartition("/")[2]: value for key, value in results.items() if key.rpartition("/")[0] == call.name
        }
        if "milliseconds" in outputs:
            report.latency_ms[call.name] = round(float(outputs["milliseconds"]), 4)
        images = _checked_images(call, outputs, report)
        if images is not None:
            pairs.setdefault(call.name.partition("#")[0], []).append((images, call.images))
    for name, compared in pairs.items():
        report.psnr_db[name] = psnr(*(np.concatenate(side) for side in zip(*compared, strict=True)))
        if report.psnr_db[name] < artefact.floor_db:
            report.failures.append(
                f"{name}: {report.psnr_db[name]} dB from the float generator, "
                f"below the {artefact.floor_db} dB that this format must reach"
            )
    report.failures += structure_failures(generator, artefact, path, results)
    return report


def psnr(images: np.ndarray, reference: np.ndarray) -> float:
    """Peak signal-to-noise ratio in dB of images whose range is [-1, 1]; at most IDENTICAL_DB.

    uint8 images are charged only for what goes beyond their own rounding.
    """
    if images.dtype == np.uint8:
        error = np.maximum(np.abs(images / 127.5 - 1.0 - np.clip(reference, -1, 1)) - 0.5 / 127.5, 0.0)
    else:
        error = images.astype(np.float64) - reference
    mean_square = float(np.mean(np.square(error, dtype=np.float64)))
    if not math.isfinite(mean_square):
        return -math.inf
    return round(min(10 * math.log10(4 / mean_square), IDENTICAL_DB), 1) if mean_square else IDENTICAL_DB


def _checked_images(call: Call, outputs: dict[str, np.ndarray], report: Report) -> np.ndarray | None:
    """The call's images, or None where it has none to compare; what is wrong goes into the report."""
    for name, expected in call.exact.items():
        got = outputs.get(name)
        if got is None or got.shape != expected.shape or np.abs(got - expected).max() > LATENT_TOLERANCE:
            report.failures.append(f"{call.name}: {name} differs from the sampler's")
    if call.images is None:
        return None
    images = outputs["png"] if "png" in outputs else outputs.get("images")
    if images is None or images.shape != call.images.shape:
        shape = None if images is None else images.shape
        report.failures.append(f"{call.name}: images of shape {shape} instead of {call.images.shape}")
        return None
    if not np.isfinite(images).all():
        report.failures.append(f"{call.name}: images are not finite")
        return None
    return images


class ChildFailed(Exception):
    """The fresh process could not run the file; the message is its last line."""


def run_isolated(loader: str, path: pathlib.Path, calls: Sequence[Call], threads: int) -> dict[str, np.ndarray]:
    """Makes the calls in a process of their own (see export/isolated.py): CALL/OUTPUT -> array.

    Raises:
      ChildFailed: where the process ends with an error.
    """
    with tempfile.TemporaryDirectory() as folder:
        calls_path, results_path = (str(pathlib.Path(folder) / name) for name in ("calls.npz", "results.npz"))
        inputs = {f"{call.name}/{name}": value for call in calls for name, value in call.inputs.items()}
        np.savez(calls_path, allow_pickle=False, **inputs)
        program = pathlib.Path(__file__).with_name("isolated.py")
        command = [sys.executable, str(program), loader, str(path), calls_path, results_path, str(threads)]
        try:
            child = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=CHILD_SECONDS)
        except subprocess.TimeoutExpired:
            raise ChildFailed(f"no answer within {CHILD_SECONDS} s") from None
        if child.returncode:
            lines = child.stderr.strip().splitlines() or [f"the process ended with status {child.returncode}"]
            raise ChildFailed(lines[-1])
        with np.load(results_path) as results:
            return {key: results[key] for key in results.files}


def structure_failures(generator: Generator, artefact: Artefact, path: pathlib.Path, results: dict) -> list[str]:
    """What is wrong with the file itself: operators, weights left out, weights stored twice."""
    failures = []
    stored = path.stat().st_size
    if artefact.loader == "saved_model":
        stored = sum(file.stat().st_size for file in (path / "variables").glob("*.data*"))
        if int(results["parameters_read"]) != generator.facts.parameters:
            failures.append(
                f"serving_default reads {int(results['parameters_read']):,} weights of {generator.facts.parameters:,}"
            )
    if artefact.loader == "tflite":
        contents = flatbuffer.contents(path.read_bytes())
        stored = contents.stored_bytes
        strange = sorted(
            name for name in contents.operators if name.startswith(("Flex", "VAR_HANDLE", "READ_VARIABLE"))
        )
        if strange:
            failures.append(f"operators that are not TFLite's own: {', '.join(strange)}")
        failures += _dtype_failures(artefact, contents)
    least, most = expected_bytes(generator, artefact.weight_bytes)
    if not least <= stored <= most:
        failures.append(f"{stored:,} bytes of constants, where {least:,} to {most:,} are in line with the parameters")
    return failures


def _dtype_failures(artefact: Artefact, contents: flatbuffer.Contents) -> list[str]:
    """Whether z and images have the promised type, so that an integer file needs no float arithmetic at all."""
    return [
        f"{signature}: {name} is {tensor.dtype} and not {artefact.dtype}"
        for signature, sides in contents.signatures.items()
        for tensors in sides.values()
        for name, tensor in tensors.items()
        if name in ("z", "images") and tensor.dtype != artefact.dtype
    ]


def expected_bytes(generator: Generator, weight_bytes: int) -> tuple[int, int]:
    """Least and most bytes of constants in a file that stores each weight once."""
    sizes = [variable.shape.num_elements() for variable in generator.weights]
    large = sum(size for size in sizes if size > SMALL_TENSOR) * weight_bytes
    small = sum(size for size in sizes if size <= SMALL_TENSOR) * 4 * bool(weight_bytes)
    # With w, dense layers and some kernels stay float16 in files of eight bits.
    most = 2 * large if weight_bytes == 1 and generator.facts.w_size else large
    # Vectors may be folded into one another; the sampler's constants and the graph take some room.
    return int(0.9 * large), int(1.1 * (most + small)) + 64 * 1024 + 100 * generator.facts.space.size
