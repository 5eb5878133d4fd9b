"""Every setting of an engine or pass, tried one at a time."""

from dataclasses import MISSING, fields, replace
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

from tradewind.engines import Engine
from tradewind.passes import Pass

Adjustable = TypeVar("Adjustable", bound=Engine | Pass)


def variations(kind: type[Adjustable]) -> list[Adjustable]:
    """Return the default and, for every field, the default with that field changed.

    A field's type says which values it takes, so that a new engine or pass, or a new setting
    of one, is covered as it is added.
    """
    default = kind()
    hints = get_type_hints(kind)
    found = [default]
    for field in fields(kind):
        assert field.default is not MISSING, f"{kind.__name__}.{field.name} has no default"
        found += [
            replace(default, **{field.name: value})
            for value in _others(hints[field.name], field.default)
        ]
    return found


def _others(hint: Any, default: Any) -> list[Any]:
    if get_origin(hint) is Literal:
        return [value for value in get_args(hint) if value != default]
    if hint is bool:
        return [not default]
    if hint is int:
        return [default + 1]
    if hint is str:
        return [f"{default}x"]
    if hint is float:
        return [default * 0.99]
    if hint == tuple[int, ...]:
        return [(1, 3)]
    if hint == tuple[str, ...]:
        return [("one", "other"), tuple(f"layer_{number}" for number in range(40))]
    raise NotImplementedError(f"say here which values a setting of type {hint} takes")
