"""Code that is named as `package.module:function`, with the files that go with it."""

import ast
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from tradewind.errors import ModelError
from tradewind.importers.archives import check_archive
from tradewind.importers.lookalikes import archive_members
from tradewind.model import MAX_BYTES
from tradewind.tensors import Datatype, TensorSpec

_FUNCTION = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")
_JAX = {"jax", "flax", "equinox", "haiku"}
_TORCH = "torch"
_MAX_FILES = 500
"""Modules that are looked at; what a network needs is found among the first."""


def names_factory(path: Path) -> bool:
    """Say whether this is no file but `package.module:function`."""
    return _FUNCTION.fullmatch(str(path)) is not None and not path.exists()


def is_of_jax(path: Path, folder: Path) -> bool:
    """Say whether code is written with JAX; it is read and never run.

    It is where its module imports JAX, itself or through others of the folder. Where PyTorch is
    imported as well, a function that has to be given something computes, and one that need not
    builds a module.

    Args:
        path: as `package.module:function`.
        folder: where the user's modules lie.
    """
    module, _, name = str(path).partition(":")
    file = _file_of(module, folder)
    if file is None:
        return False
    imported = _imported(module, folder)
    if not imported & _JAX:
        return False
    return _TORCH not in imported or _has_to_be_given(file, name)


def _file_of(module: str, folder: Path) -> Path | None:
    place = folder.joinpath(*module.split("."))
    for file in (place.with_name(f"{place.name}.py"), place / "__init__.py"):
        if file.is_file():
            return file
    return None


def _imported(module: str, folder: Path) -> set[str]:
    """Return the packages outside the folder that a module needs in the end."""
    found: set[str] = set()
    open_, seen = [module], {module}
    while open_ and len(seen) < _MAX_FILES:
        name = open_.pop()
        file = _file_of(name, folder)
        if file is None:
            found.add(name.partition(".")[0])
            continue
        package = name if file.name == "__init__.py" else name.rpartition(".")[0]
        for other in _named(_tree(file), package):
            if other not in seen:
                seen.add(other)
                open_.append(other)
    return found


def _named(tree: ast.Module, package: str) -> Iterator[str]:
    """Yield the modules that a tree imports, under their full names."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parts = package.split(".")[: 1 - node.level or None] if node.level else []
            base = ".".join([*parts, *([node.module] if node.module else [])])
            if base:
                yield base
            # `from networks import blocks` may mean a module of that name
            yield from (
                ".".join([base, alias.name] if base else [alias.name]) for alias in node.names
            )


def _has_to_be_given(file: Path, name: str) -> bool:
    for node in _tree(file).body:
        if isinstance(node, ast.FunctionDef) and node.name == name:
            return len(node.args.posonlyargs) + len(node.args.args) > len(node.args.defaults)
    return False


def _tree(file: Path) -> ast.Module:
    try:
        return ast.parse(file.read_bytes())
    except (SyntaxError, ValueError, OSError, RecursionError):
        return ast.Module([], [])  # whoever runs it says what is wrong


def checked_weights(weights: Path) -> Path:
    """Return the full path of a file of weights.

    Raises:
        ModelError: it is not there, too large, or an archive that must not be opened.
    """
    path = weights.absolute()
    if not path.is_file():
        raise ModelError(str(weights), "a file of weights", "nothing under that name")
    if path.stat().st_size > MAX_BYTES:
        got = f"{path.stat().st_size} bytes"
        raise ModelError(str(weights), f"at most {MAX_BYTES} bytes", got)
    if archive_members(path):
        check_archive(path)
    return path


def stated(inputs: Any, where: str) -> list[tuple[str, str, list[Any]]]:
    """Return the name, type and sizes of `inputs` where they are specs; none where they are not.

    Raises:
        ModelError: an input holds texts.
    """
    if not isinstance(inputs, Sequence) or not all(isinstance(i, TensorSpec) for i in inputs):
        return []
    for spec in inputs:
        if spec.datatype is Datatype.BYTES:
            raise ModelError(f"{where}: {spec.name}", "numbers", "texts")
    return [(spec.name, str(spec.datatype.numpy), list(spec.shape)) for spec in inputs]
