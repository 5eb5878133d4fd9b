"""What a Keras model takes and gives, whatever it computes with."""

from pathlib import Path
from typing import Any

_EXPORT = "where it was trained, write `model.export('folder')` and give that folder."


class CannotLoad(ValueError):
    """Keras cannot build a model, with what it computes with here."""


def loaded(path: Path, library: Any) -> Any:
    """Return the model in a file that was looked at.

    Raises:
        CannotLoad: the library cannot build it.
        ValueError: it remembers what it was asked before.
    """
    try:
        model = library.models.load_model(path, compile=False, safe_mode=True)
    except Exception as error:  # layers raise what they like, and of a backend that is not there
        lines = [line for line in str(error).splitlines() if line.strip()] or [""]
        raise CannotLoad("a model that Keras can load", lines[0][:300], _EXPORT) from error
    for layer in model._flatten_layers():
        if getattr(layer, "stateful", False) and hasattr(layer, "cell"):
            hint = "build it again with `stateful=False`, and hand the state over as an input."
            raise ValueError("layers without a memory of their own", layer.name, hint)
    return model


def inputs_of(model: Any) -> dict[str, Any]:
    """Return the inputs of a model by name.

    Raises:
        ValueError: it was never called, so that nobody knows them.
    """
    inputs = getattr(model, "inputs", None)
    if not inputs:
        hint = "call it on an example before you save it, or begin it with `keras.Input`."
        raise ValueError("a model with known inputs", "one that was never called", hint)
    names = _unique([_plain(value.name) for value in inputs])
    return dict(zip(names, inputs, strict=True))


def structure_of(model: Any, kind: str) -> Any:
    """Return inputs or outputs as the model was built with: one, a list or a dictionary."""
    for holder in (getattr(model, "_functional", None), model):  # Keras 3 wraps sequences of layers
        for name in (f"_{kind}_struct", f"_nested_{kind}"):
            found = getattr(holder, name, None)
            if found is not None:
                return found
    values = getattr(model, kind)
    return values if len(values) > 1 else values[0]


def output_names(model: Any) -> tuple[str, ...]:
    """Return the names of the outputs in the order in which they come; no input has one of them."""
    taken = tuple(inputs_of(model))
    structure = structure_of(model, "outputs")
    if isinstance(structure, dict):
        return _unique(sorted(structure), taken)
    holder = getattr(model, "_functional", None) or model
    names = list(getattr(holder, "output_names", []))
    count = len(model.outputs)
    if len(names) != count:
        names = [f"output_{i}" for i in range(count)] if count > 1 else ["output"]
    return _unique([_plain(name) for name in names], taken)


def _plain(name: str) -> str:
    return name.partition(":")[0]


def _unique(names: list[str], taken: tuple[str, ...] = ()) -> tuple[str, ...]:
    found = [*taken]
    for name in names:
        found.append(name if name not in found else f"{name}_{len(found)}")
    return tuple(found[len(taken) :])
