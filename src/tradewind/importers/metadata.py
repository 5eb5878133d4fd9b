"""What is said about a model inside of its graph."""

import json
from typing import Any

import onnx

from tradewind.model import Model

NOTE = "tradewind.note"
"""The key of the graph's metadata under which an importer says what its user should know."""


def add_metadata(proto: onnx.ModelProto, key: str, value: Any) -> None:
    """Keep `value`, in terms of JSON, under `key`; texts are kept as they are."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    proto.metadata_props.add(key=key, value=text)


def notes_of(model: Model) -> list[str]:
    """Return what its importer said that a user should know."""
    return [text for key, text in model.graph.metadata_props.items() if key == NOTE]
