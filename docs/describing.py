"""What the source says about classes and functions, in the words of a reference page."""

import ast
import dataclasses
import inspect
import re
import textwrap
import types
from collections.abc import Iterable, Iterator
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

WIDTH = 88


@dataclasses.dataclass(frozen=True)
class Described:
    """One field of a dataclass as a reference shows it."""

    name: str
    type: str
    default: str
    meaning: str


def fields_of(kind: type, *, as_json: bool = False) -> list[Described]:
    """Return the fields of a dataclass; their meaning is in `Args:` or in a comment."""
    hints = get_type_hints(kind)
    told = arguments(kind) | _comments(kind)
    return [
        Described(
            field.name,
            _spell(hints[field.name], as_json=as_json),
            _default_of(field),
            told.get(field.name, ""),
        )
        for field in dataclasses.fields(kind)
    ]


def _default_of(field: "dataclasses.Field[Any]") -> str:
    if field.default is dataclasses.MISSING:
        return "required"
    value = field.default
    if dataclasses.is_dataclass(value):
        return f"`{type(value).__name__}()`"
    return "none" if value is None else f"`{getattr(value, 'value', value)!r}`".replace("'", '"')


def _comments(kind: type) -> dict[str, str]:
    """Return the comment behind every field."""
    source = textwrap.dedent(inspect.getsource(kind))
    lines = source.splitlines()
    found = {}
    for node in ast.parse(source).body[0].body:  # type: ignore[attr-defined]
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            _, mark, comment = lines[(node.end_lineno or 1) - 1].partition("  # ")
            if mark:
                found[node.target.id] = _sentence(comment)
    return found


def arguments(kind: object) -> dict[str, str]:
    """Return what a docstring says under `Args:`."""
    _, _, after = (inspect.getdoc(kind) or "").partition("Args:\n")
    section = re.match(r"(?: {4}.*\n|\n)*", after + "\n")
    text = textwrap.dedent(section[0]) if section else ""
    entries = re.findall(r"^(\w+): (.*(?:\n {4}.*)*)", text, re.MULTILINE)
    return {name: _sentence(" ".join(said.split())) for name, said in entries}


def _sentence(text: str) -> str:
    """Return a remark as a sentence; names of percentiles keep their small letter."""
    begin = text[:1] if re.match(r"p\d", text) else text[:1].upper()
    return begin + text[1:].rstrip(".") + "."


def _spell(hint: Any, *, as_json: bool) -> str:
    """Return a type as it is written in a settings file, or in JSON."""
    origin, inner = get_origin(hint), get_args(hint)
    if origin is Literal:
        return " or ".join(f'`"{value}"`' for value in inner)
    if origin in (Union, types.UnionType):
        nothing = "null" if as_json else "none"
        kept = [_spell(one, as_json=as_json) for one in inner if one is not type(None)]
        return " or ".join([*kept, nothing] if type(None) in inner else kept)
    if origin is tuple:
        items = [one for one in inner if one is not Ellipsis]
        count = "list of" if Ellipsis in inner else f"{len(items)}"
        return f"{count} {_spell(items[0], as_json=as_json)}"
    if origin is dict:
        return "object"
    if dataclasses.is_dataclass(hint):
        name = getattr(hint, "__name__", "")
        return f"[{name}](#{name.lower()})" if as_json else f"`{name}`"
    json = {str: "string", int: "integer", float: "number", bool: "true or false"}
    python = {str: "text", int: "integer", float: "number", bool: "true or false"}
    return (json if as_json else python).get(hint) or f"`{getattr(hint, '__name__', hint)}`"


def signature(name: str, found: object) -> str:
    """Return a name with its parameters as they are written in the source."""
    node = ast.parse(textwrap.dedent(inspect.getsource(found))).body[0]  # type: ignore[arg-type]
    if isinstance(node, ast.ClassDef):
        inits = [one for one in node.body if getattr(one, "name", "") == "__init__"]
        parts = _parameters(inits[0]) if inits else list(_fields(node))
        returned = ""
    else:
        assert isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        parts = _parameters(node)
        returned = f" -> {ast.unparse(node.returns)}" if node.returns else ""
        name = f"await {name}" if isinstance(node, ast.AsyncFunctionDef) else name
    one_line = f"{name}({', '.join(parts)}){returned}".replace("'Model'", "Model")
    if len(one_line) <= WIDTH:
        return one_line
    return f"{name}(\n    " + ",\n    ".join(parts) + f",\n){returned}"


def _parameters(node: ast.AST) -> list[str]:
    assert isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    given = node.args
    plain = [*given.posonlyargs, *given.args]
    defaults = [None] * (len(plain) - len(given.defaults)) + list(given.defaults)
    parts = [_parameter(*pair) for pair in zip(plain, defaults, strict=True)]
    parts += ["*"] if given.kwonlyargs else []
    parts += [_parameter(*pair) for pair in zip(given.kwonlyargs, given.kw_defaults, strict=True)]
    return [part for part in parts if part not in ("self", "cls")]


def _parameter(argument: ast.arg, default: ast.expr | None) -> str:
    return ast.unparse(argument) + ("" if default is None else f" = {ast.unparse(default)}")


def _fields(node: ast.ClassDef) -> Iterator[str]:
    """Return the parameters that a dataclass derives from its fields."""
    for one in node.body:
        if isinstance(one, ast.AnnAssign) and "ClassVar" not in ast.unparse(one.annotation):
            made = ast.unparse(one.value) if one.value else ""
            if made.startswith("field("):
                made = "..." if "default" in made else ""
            yield (
                ast.unparse(one.target)
                + f": {ast.unparse(one.annotation)}"
                + (f" = {made}" if made else "")
            )


def first(found: object) -> str:
    """Return the first paragraph of a docstring on one line."""
    text = getattr(found, "__doc__", None) or ""
    return " ".join(inspect.cleandoc(text).split("\n\n")[0].split())


def table(titles: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """Return a table in Markdown."""
    lines = [titles, tuple("---" for _ in titles), *rows]
    return "".join(
        "| "
        + " | ".join(cell.replace("|", "\\|").replace("\n", " ").strip() for cell in line)
        + " |\n"
        for line in lines
    )
