"""Imports run one way: main -> loop -> step -> {losses, penalties, augment, latents}; run_dir -> {config, models}."""
import ast
import functools
import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).parent.parent
STANDARD = sys.stdlib_module_names


def _modules() -> dict[str, pathlib.Path]:
    """Name -> file of every module of both packages."""
    found = {}
    for package in ("tfgan_train", "export"):
        for path in (ROOT / package).rglob("*.py"):
            parts = path.relative_to(ROOT).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


MODULES = _modules()


@functools.cache
def _imports(name: str, lazy: bool = True) -> frozenset[str]:
    """What a module imports, anywhere or (not `lazy`) when it is imported itself.

    `from package import name` is the module package.name, if there is one.
    """
    tree = ast.parse(MODULES[name].read_text())
    inside = {node for function in ast.walk(tree) if isinstance(function, (ast.FunctionDef, ast.Lambda)) for node in ast.walk(function)}
    found = set()
    for node in ast.walk(tree):
        if not lazy and node in inside:
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        if isinstance(node, ast.ImportFrom):
            assert not node.level, f"{name}: relative imports hide where things come from"
            found |= {f"{node.module}.{alias.name}" if f"{node.module}.{alias.name}" in MODULES else node.module for alias in node.names}
    return frozenset(found)


def _reached(start: str, lazy: bool = True) -> set[str]:
    """All modules of ours that a module imports, directly or not."""
    found, waiting = set(), [start]
    while waiting:
        for name in _imports(waiting.pop(), lazy) & MODULES.keys() - found:
            found.add(name)
            waiting.append(name)
    return found


def _importers(name: str) -> set[str]:
    return {other for other in MODULES if name in _imports(other)}


def test_nobody_imports_a_binary_or_the_loop():
    assert _importers("tfgan_train.main") == set()
    assert _importers("tfgan_train.loop") <= {"tfgan_train", "tfgan_train.main"}
    assert _importers("tfgan_train.step") == {"tfgan_train.loop"}


@pytest.mark.parametrize("name", [name for name in MODULES if name.split(".")[0] == "export"])
def test_export_knows_nothing_of_training(name):
    reached = _reached(name)
    for forbidden in ("loop", "step", "losses", "penalties", "augment", "data", "optimizers", "gan"):
        assert not {module for module in reached if module == f"tfgan_train.{forbidden}" or module.startswith(f"tfgan_train.{forbidden}.")}


@pytest.mark.parametrize("name", [name for name in MODULES if name.startswith("tfgan_train.metrics")])
def test_metrics_are_of_arrays(name):
    assert not {module for module in _imports(name) if module.startswith(("tfgan_train.models", "tfgan_train.gan", "tfgan_train.run", "keras"))}


@pytest.mark.parametrize("name, may", [
    ("losses", set()), ("schedules", set()), ("draw", set()), ("replicas", set()), ("latents", set()), ("images", set()), ("errors", set()),
    ("files", set()), ("penalties", {"replicas"}), ("augment", set()), ("optimizers", {"replicas"}), ("ema", {"replicas"}),
    ("remedies", {"replicas", "ema"}), ("recipes", {"errors"}), ("progress", set())])
def test_pure_parts_know_little(name, may):
    ours = {module for module in _imports(f"tfgan_train.{name}") if module in MODULES}
    assert ours <= {f"tfgan_train.{other}" for other in may}


def test_models_know_neither_losses_nor_data_nor_flags():
    for name in (name for name in MODULES if name.startswith("tfgan_train.models")):
        below = {module.removeprefix("tfgan_train.") for module in _imports(name) if module in MODULES}
        assert all(module.startswith("models") or module in {"draw", "errors", "remedies", "replicas"} for module in below), (name, below)


def test_only_the_command_lines_touch_flags():
    users = {name for name in MODULES if any(module.startswith("absl") for module in _imports(name)) and name.startswith("tfgan_train")}
    assert users == {"tfgan_train.cli"}


def test_no_module_imports_itself_by_a_detour():
    circles = [name for name in MODULES if name in _reached(name, lazy=False)]
    assert circles == []


def test_a_config_needs_no_tensorflow():
    code = "import sys, tfgan_train, tfgan_train.config, tfgan_train.validation, tfgan_train.cli; print([m for m in ('tensorflow', 'keras') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.stdout.strip() == "[]", done.stderr


def test_nothing_beyond_the_declared_packages_is_imported():
    declared = {"tensorflow", "keras", "numpy", "PIL", "absl", "tensorflow_datasets"} | {"requests", "flatbuffers"}  # which TFDS and TensorFlow bring
    extras = {"tf2onnx", "onnx", "onnxruntime", "ai_edge_litert", "ai_edge_quantizer"}
    for name in (name for name in MODULES if ".demo." not in name):  # Demos are programs of their own.
        others = {module.split(".")[0] for module in _imports(name, lazy=False)} - STANDARD - {"tfgan_train", "export"}
        assert others <= declared, name
        lazy = {module.split(".")[0] for module in _imports(name)} - STANDARD - {"tfgan_train", "export"}
        assert lazy <= declared | extras, name
