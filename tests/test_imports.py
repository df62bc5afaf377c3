"""Imports run one way; the list ROOMS says which."""

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
    inside = {
        node
        for function in ast.walk(tree)
        if isinstance(function, (ast.FunctionDef, ast.Lambda))
        for node in ast.walk(function)
    }
    found = set()
    for node in ast.walk(tree):
        if not lazy and node in inside:
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        if isinstance(node, ast.ImportFrom):
            assert not node.level, f"{name}: relative imports hide where things come from"
            found |= {
                f"{node.module}.{alias.name}" if f"{node.module}.{alias.name}" in MODULES else node.module
                for alias in node.names
            }
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


# What may import what: a room may import itself and the rooms above it in this list.
ROOMS = [
    "common",
    "ops",
    "objective",
    "config",
    "data",
    "pretrained",
    "models",
    "runs",
    "metrics",
    "features",
    "pictures",
    "doctor",
    "score",
    "steering",
    "report",
    "inspection",
    "training",
    "sweeps",
    "api",
]
COMMANDS = ["main", "sample", "evaluate", "compare", "export", "inspect_data", "sweep", "project"]
# export/ hands generators to other apps: it reads runs and knows nothing of training.
EXPORT_MAY = {"common", "ops", "config", "models", "runs", "pictures"}
# Rooms that look upon arrays, files or pictures, not on networks in training.
MUST_NOT = {
    "metrics": {"models", "runs"},
    "objective": {"config"},
    "models": {"data", "objective"},
    "runs": {"data", "objective"},
    "doctor": {"models", "data", "objective"},
}


def _room(module: str) -> str:
    """The folder of a module of tfgan_train, a command's own name, or "export"."""
    parts = module.split(".")
    return parts[1] if parts[0] == "tfgan_train" and len(parts) > 1 else parts[0]


def _rooms_imported(name: str) -> set[str]:
    return {_room(module) for module in _imports(name) if module in MODULES} - {_room(name)}


def test_every_folder_is_in_the_list():
    folders = {path.name for path in (ROOT / "tfgan_train").iterdir() if path.is_dir() and any(path.glob("*.py"))}
    assert folders == set(ROOMS)
    assert {path.stem for path in (ROOT / "tfgan_train").glob("*.py")} == {"__init__", *COMMANDS}


def test_every_folder_is_a_package_that_installs():
    """`pip install` takes folders with an __init__.py that git knows, and leaves out the others in silence."""
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True)
    known = set(listed.stdout.splitlines()) if listed.returncode == 0 else None
    modules = [path for path in (ROOT / "tfgan_train").rglob("*.py") if path.parent.name != "assets"]
    for path in [*modules, *(ROOT / "export").glob("*.py")]:
        init = path.parent / "__init__.py"
        assert init.is_file(), path
        assert known is None or {str(file.relative_to(ROOT)) for file in (init, path)} <= known, f"git add {path}"


@pytest.mark.parametrize("name", [name for name in MODULES if _room(name) in ROOMS])
def test_imports_run_one_way(name):
    room = _room(name)
    # The run as Python callers hold it does what every command does.
    also = {"export"} if name == "tfgan_train.api.run" else set()
    assert _rooms_imported(name) <= set(ROOMS[: ROOMS.index(room)]) - MUST_NOT.get(room, set()) | also


@pytest.mark.parametrize("name", [name for name in MODULES if _room(name) == "export" and name != "export.export"])
def test_export_knows_nothing_of_training(name):
    assert _rooms_imported(name) <= EXPORT_MAY
    assert not {_room(module) for module in _reached(name)} & {"objective", "data", "training"}


def test_nobody_imports_a_command_or_the_loop():
    for command in COMMANDS:
        assert _importers(f"tfgan_train.{command}") == set()
    assert _importers("tfgan_train.training.loop") <= {"tfgan_train", "tfgan_train.main"}
    users = {f"tfgan_train.training.{name}" for name in ("parts", "step_time")}
    assert _importers("tfgan_train.training.step") == users
    assert _importers("tfgan_train.training.replica_step") == {"tfgan_train.training.step"}


def test_common_needs_no_tensorflow():
    for name in (name for name in MODULES if _room(name) in ("common", "metrics", "doctor")):
        assert not {module.split(".")[0] for module in _imports(name)} & {"tensorflow", "keras"}, name


def test_only_the_command_lines_touch_flags():
    users = {
        name
        for name in MODULES
        if any(module.startswith("absl") for module in _imports(name)) and name.startswith("tfgan_train")
    }
    assert users == {"tfgan_train.config.command"}


def test_no_module_imports_itself_by_a_detour():
    circles = [name for name in MODULES if name in _reached(name, lazy=False)]
    assert circles == []


def test_a_config_needs_no_tensorflow():
    modules = "tfgan_train.config.fields, tfgan_train.training.validation, tfgan_train.config.command"
    code = f"import sys, tfgan_train, {modules}; print([m for m in ('tensorflow', 'keras') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.stdout.strip() == "[]", done.stderr


def test_nothing_beyond_the_declared_packages_is_imported():
    declared = {"tensorflow", "keras", "numpy", "PIL", "absl", "jinja2", "tqdm", "tensorflow_datasets"} | {
        "requests",
        "flatbuffers",
        "google",
    }  # which TFDS and TensorFlow bring
    extras = {"IPython", "tf2onnx", "onnx", "onnxruntime", "ai_edge_litert", "ai_edge_quantizer", "imageio_ffmpeg"}
    for name in (name for name in MODULES if ".demo." not in name):  # Demos are programs of their own.
        others = {module.split(".")[0] for module in _imports(name, lazy=False)} - STANDARD - {"tfgan_train", "export"}
        assert others <= declared, name
        lazy = {module.split(".")[0] for module in _imports(name)} - STANDARD - {"tfgan_train", "export"}
        assert lazy <= declared | extras, name
