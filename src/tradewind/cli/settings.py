"""Settings of a pass as they are typed: `--set keep=0.5`."""

import contextlib
from collections.abc import Sequence
from dataclasses import fields
from typing import Any, Literal, get_args, get_origin, get_type_hints

import msgspec

from tradewind.errors import SettingError
from tradewind.passes import Pass


def parse_settings(kind: type[Pass], given: Sequence[str]) -> Pass:
    """Return a pass with some of its settings changed.

    Args:
        kind: the pass.
        given: what was typed, each `name=value`.

    Raises:
        SettingError: there is no such setting, or it does not take this value.
    """
    hints = get_type_hints(kind)
    known = {field.name: hints[field.name] for field in fields(kind)}
    found: dict[str, Any] = {}
    for text in given:
        name, mark, value = text.partition("=")
        name = name.strip().replace("-", "_")
        if not mark or name not in known:
            hint = f"`tradewind apply --help` lists the settings of {kind.name}."
            if not known:
                expected = f"none, as {kind.name} has no settings"
            else:
                expected = f"{name}=VALUE" if name in known else f"one of {', '.join(known)}"
            raise SettingError("--set", expected, text, hint)
        try:
            found[name] = msgspec.convert(_plain(value, known[name]), known[name], strict=False)
        except msgspec.ValidationError:
            raise SettingError(f"--set {name}", _spelled(known[name]), repr(value)) from None
    return kind(**found)


def _plain(text: str, hint: Any) -> Any:
    """Return what was typed in a form that can be converted; lists are comma-separated."""
    text = text.strip()
    if get_origin(hint) is tuple:
        return [part for part in text.split(",") if part]
    if hint is bool:
        return {"yes": "true", "no": "false"}.get(text.lower(), text.lower())
    if hint is float:
        with contextlib.suppress(ValueError):
            return float(text)  # which takes .5 too
    return text


def _spelled(hint: Any) -> str:
    if get_origin(hint) is Literal:
        return " or ".join(str(value) for value in get_args(hint))
    if get_origin(hint) is tuple:
        return "values with commas between them"
    words = {bool: "true or false", int: "a whole number", float: "a number"}
    return words.get(hint, "text")


def described(kinds: Sequence[type[Pass]]) -> str:
    """Return all passes with their settings, for the end of a help text."""
    parts = ["Passes with their settings:"]
    for kind in kinds:
        hints = get_type_hints(kind)
        lines = [f"  {field.name}={_shown(field.default)}" + _choices(hints[field.name])
                 for field in fields(kind)]  # fmt: skip
        does = (kind.__doc__ or "").partition("\n")[0]
        parts.append("\n".join(["\b", f"{kind.name}: {does}", *lines]))
    return "\n\n".join(parts)


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    return f"{value:g}" if isinstance(value, float) else str(value)


def _choices(hint: Any) -> str:
    return f"  ({', '.join(map(str, get_args(hint)))})" if get_origin(hint) is Literal else ""
