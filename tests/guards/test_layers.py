"""Imports point left only, so that a layer can be read knowing only those before it."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parents[2] / "src"
LAYERS = (
    "errors", "postponed", "temporary", "limits", "tensors", "protocol", "client", "model", "data",
    "evidence", "runners", "interpreter", "engines", "passes", "importers", "measure", "budget",
    "bundle", "search", "report", "serve", "cli",
)  # fmt: skip
FACES = ("tradewind", "tradewind.__main__")
"""What users import and start; they may show what lies in any layer."""


def _modules() -> dict[str, Path]:
    found = {}
    for path in sorted((SOURCE / "tradewind").rglob("*.py")):
        parts = path.relative_to(SOURCE).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


MODULES = _modules()


def _layer(module: str) -> str | None:
    """Return the layer a module belongs to; None for the package's own face."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 and parts[1] != "__main__" else None


def _is_ours(name: str) -> bool:
    return name == "tradewind" or name.startswith("tradewind.")


def _is_script(module: str) -> bool:
    """Whether a module runs in the environment of another framework, outside of our package."""
    return module.startswith("tradewind.importers.converters.")


def _imports(tree: ast.AST, *, is_script: bool = False) -> Iterator[tuple[ast.stmt, str]]:
    """Yield every import of our own package with the full name of what is imported."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if _is_ours(alias.name):
                    yield node, alias.name
        elif isinstance(node, ast.ImportFrom):
            if node.level:
                assert is_script, "relative imports hide which layer is meant"
            elif node.module and _is_ours(node.module):
                for alias in node.names:
                    full = f"{node.module}.{alias.name}"
                    yield node, full if full in MODULES else node.module


@cache
def _targets(module: str) -> frozenset[str]:
    return frozenset(name for _, name in _imports(_tree(module), is_script=_is_script(module)))


@cache
def _tree(module: str) -> ast.Module:
    return ast.parse(MODULES[module].read_text(encoding="utf-8"))


def _reached_from(start: str) -> set[str]:
    """Return every module that is loaded when one is, packages around them included."""
    found: set[str] = set()
    waiting = [start]
    while waiting:
        module = waiting.pop()
        if module in found or module == "tradewind":
            continue
        found.add(module)
        parts = module.split(".")
        waiting += [".".join(parts[:size]) for size in range(2, len(parts))]
        waiting += _targets(module)
    return found


def test_every_module_lies_in_a_known_layer() -> None:
    assert {_layer(module) for module in MODULES} - {None} <= set(LAYERS)


@pytest.mark.parametrize("module", [module for module in MODULES if module not in FACES])
def test_imports_point_left(module: str) -> None:
    layer = _layer(module)
    assert layer is not None
    for name in _targets(module):
        if name == "tradewind":
            continue  # the version; nothing else is defined there, see the test below
        target = _layer(name)
        assert target is not None, f"{module} imports {name}"
        assert LAYERS.index(target) <= LAYERS.index(layer), f"{module} imports {name}"


@pytest.mark.parametrize("module", [name for name in MODULES if _is_script(name)])
def test_scripts_for_other_environments_need_nothing_of_ours(module: str) -> None:
    assert not _targets(module)


def test_only_the_version_is_taken_from_the_face_of_the_package() -> None:
    for module in MODULES:
        if module in FACES:
            continue
        for node, name in _imports(_tree(module), is_script=_is_script(module)):
            if name == "tradewind":
                assert isinstance(node, ast.ImportFrom), module
                assert [alias.name for alias in node.names] == ["__version__"], module


def test_no_module_imports_itself_by_way_of_others() -> None:
    # a package's face imports its modules; that they name the package is a cycle
    links = {module: _targets(module) - {"tradewind"} for module in MODULES if module not in FACES}
    done: set[str] = set()

    def visit(module: str, way: tuple[str, ...]) -> None:
        assert module not in way, " imports ".join([*way[way.index(module) :], module])
        if module not in done:
            for target in sorted(links[module]):
                visit(target, (*way, module))
            done.add(module)

    for module in links:
        visit(module, ())


@pytest.mark.parametrize("module", list(MODULES))
def test_our_own_package_is_imported_at_the_top(module: str) -> None:
    for function in ast.walk(_tree(module)):
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            inside = [name for _, name in _imports(function, is_script=_is_script(module))]
            # the package's face fetches what was asked for when it is asked for
            if module == "tradewind" and getattr(function, "name", "") == "__getattr__":
                continue
            assert not inside, f"{module} imports {inside} inside a function"


def test_serving_needs_nothing_that_optimizes() -> None:
    starts = [module for module in MODULES if _layer(module) == "serve"]
    reached = {_layer(module) for start in starts for module in _reached_from(start)}
    assert {"serve", "runners", "tensors"} <= reached
    assert not reached & {"search", "passes", "importers"}
