"""What a benchmark was measured on, for its results file."""

import importlib.metadata
import os
import pathlib
import platform

PACKAGES = ("tensorflow", "keras", "numpy")


def machine() -> dict:
    """The processor's name, its cores, and the versions of Python and the packages that do the arithmetic."""
    path = pathlib.Path("/proc/cpuinfo")
    lines = path.read_text().splitlines() if path.exists() else []
    model = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.processor())
    versions = {name: importlib.metadata.version(name) for name in PACKAGES}
    return {"processor": model, "cores": os.cpu_count(), "python": platform.python_version()} | versions
