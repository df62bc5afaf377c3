"""Names of what a flag chooses from: losses, penalties, architectures, datasets …

A registry is a dictionary at the top of a module, written here as "package.module:DICT".
"""

import ast
import functools
import importlib
import importlib.util
import pathlib

DATASETS = "tfgan_train.data:DATASETS"


def entries(registry: str) -> dict:
    """The registry itself; imports its module."""
    module, name = registry.split(":")
    return getattr(importlib.import_module(module), name)


@functools.cache
def names(registry: str) -> tuple[str, ...]:
    """The registry's keys, read from the source: --help needn't wait for TensorFlow's import."""
    module, name = registry.split(":")
    spec = importlib.util.find_spec(module)
    if spec is None or spec.origin is None:
        raise LookupError(f"there is no module {module}")
    for node in ast.parse(pathlib.Path(spec.origin).read_text(encoding="utf-8")).body:
        if isinstance(node, (ast.Assign, ast.AnnAssign)) and isinstance(node.value, ast.Dict):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if any(isinstance(target, ast.Name) and target.id == name for target in targets):
                return tuple(str(key.value) for key in node.value.keys if isinstance(key, ast.Constant))
    raise LookupError(f"{module} has no dictionary {name}")
