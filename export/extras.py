"""Packages that only some formats need, imported where they are used."""

import importlib
import importlib.util
from types import ModuleType

from tfgan_train.common.errors import UserError

# Format -> (the extra in setup.py that brings what it needs, modules).
NEEDS = {
    "onnx": ("onnx", ("tf2onnx", "onnx", "onnxruntime")),
    "tflite_weight_int8": ("quantize", ("ai_edge_quantizer",)),
}


def check(format_name: str) -> None:
    """Raises UserError naming the extra where a package that the format needs is missing."""
    extra, modules = NEEDS.get(format_name, ("", ()))
    missing = [module for module in modules if importlib.util.find_spec(module) is None]
    if missing:
        raise UserError(f"--formats={format_name} needs {', '.join(missing)}: pip install 'tfgan-train[{extra}]'")


def load(module: str, format_name: str) -> ModuleType:
    """Imports a module of an extra.

    Raises:
      UserError: naming the extra, where it is not installed.
    """
    check(format_name)
    return importlib.import_module(module)
