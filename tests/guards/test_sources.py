"""Rules that every source file keeps."""

import ast
import importlib
import pkgutil
import re
import tomllib
from pathlib import Path

import pytest

import tradewind

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted((ROOT / "src").rglob("*.py"))
PACKAGES = [
    "tradewind",
    *(info.name for info in pkgutil.walk_packages(tradewind.__path__, "tradewind.") if info.ispkg),
]


def _name(path: Path) -> str:
    return path.relative_to(ROOT / "src").as_posix()


@pytest.mark.parametrize("path", FILES, ids=_name)
def test_a_file_has_at_most_350_lines(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 350


@pytest.mark.parametrize("path", FILES, ids=_name)
def test_a_file_begins_with_a_sentence_about_itself(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert ast.get_docstring(ast.parse(text)), "say in a docstring what the module is for"


_PLACES = re.compile(r"/(?:home|work|root|Users|tmp/exp)/|[A-Z]:\\\\")


@pytest.mark.parametrize("path", FILES, ids=_name)
def test_no_file_names_a_place_on_somebodys_machine(path: Path) -> None:
    assert not _PLACES.search(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", FILES, ids=_name)
def test_no_module_is_named_after_nothing(path: Path) -> None:
    assert path.stem not in ("utils", "util", "helpers", "helper", "common", "misc", "manager")


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_exports_what_it_says(package: str) -> None:
    module = importlib.import_module(package)
    if package == "tradewind.cli" and not hasattr(module, "__all__"):
        return
    said = list(module.__all__)
    assert len(set(said)) == len(said), "a name is listed twice"
    assert said == sorted(said, key=_order), "constants, then classes, then functions"
    assert not [name for name in said if not hasattr(module, name)]
    public = {name for name in _imported(Path(str(module.__file__))) if not name.startswith("_")}
    assert public <= set(said), f"imported but not in __all__: {public - set(said)}"


def _order(name: str) -> tuple[int, str]:
    """Sort as the linter does: CONSTANTS, Classes, functions."""
    kind = 0 if name.isupper() else 1 if name[0].isupper() else 2
    return kind, name


def _imported(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {
        alias.asname or alias.name
        for node in tree.body
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("tradewind")
        for alias in node.names
    }


def test_the_core_needs_no_framework() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    names = {
        re.split(r"[^A-Za-z0-9_.-]", line, maxsplit=1)[0].lower()
        for line in settings["project"]["dependencies"]
    }
    assert "onnxruntime" in names
    forbidden = ("torch", "tensorflow", "keras", "jax", "flax", "transformers", "sentry", "posthog")
    assert not [name for name in names if name.startswith(forbidden)]


def test_every_error_is_one_of_ours() -> None:
    from tradewind import errors

    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type)]
    raised = [kind for kind in kinds if issubclass(kind, Exception)]
    assert all(issubclass(kind, errors.TradewindError) for kind in raised)
