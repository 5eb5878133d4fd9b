"""The preprocessing that a model brings along, inside of its graph."""

from typing import Any

import msgspec
import onnx

from tradewind.data.preprocessing import Preprocessing
from tradewind.data.texts import Tokenization
from tradewind.errors import ModelError, SettingError
from tradewind.model import Model

Steps = Preprocessing | Tokenization
"""What is done to raw examples: images and sound, or sentences."""

_KEYS: dict[str, type[Preprocessing] | type[Tokenization]] = {
    "tradewind.preprocessing": Preprocessing,
    "tradewind.tokenization": Tokenization,
}


def carry(proto: onnx.ModelProto, steps: Steps) -> None:
    """Keep the preprocessing in the metadata of a graph."""
    key = next(key for key, kind in _KEYS.items() if isinstance(steps, kind))
    proto.metadata_props.add(key=key, value=msgspec.json.encode(steps).decode())


CLASSES = "tradewind.classes"
"""The key under which a model brings the names of its classes along, as a JSON list."""


def carried_classes(model: Model) -> tuple[str, ...]:
    """Return the names of the classes that a model brings along; empty where it brings none."""
    try:
        return tuple(
            msgspec.json.decode(model.graph.metadata_props.get(CLASSES, "[]"), type=_NAMES)
        )
    except msgspec.DecodeError:
        return ()  # whoever wrote it meant something else by it


_NAMES = list[str]


def carried(model: Model) -> Steps | None:
    """Return the preprocessing that a model brings along; None where it brings none.

    Raises:
        ModelError: it is damaged.
    """
    for key, kind in _KEYS.items():
        text: Any = model.graph.metadata_props.get(key)
        if text is not None:
            try:
                return msgspec.json.decode(text, type=kind)
            except (msgspec.DecodeError, SettingError) as error:
                where = f"{model.origin.source}: {key}"
                raise ModelError(where, "the preprocessing of a model", str(error)) from error
    return None
