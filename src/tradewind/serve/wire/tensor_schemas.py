"""Tensors in the words of JSON Schema."""

import math
from typing import Any

import numpy as np

from tradewind.tensors import Datatype, TensorSpec

Json = dict[str, Any]

_LONGEST = 256  # elements in an example


def input_schema(spec: TensorSpec) -> Json:
    """Return what an input looks like in a request, as JSON or with its bytes after it."""
    parameters = {
        "type": "object",
        "properties": {"binary_data_size": {"type": "integer", "minimum": 0}},
    }
    bytes_after = {**parameters, "required": ["binary_data_size"]}
    properties: Json = {"name": {"const": spec.name}, "datatype": {"const": spec.datatype.value}}
    properties["shape"] = _shape_schema(spec)
    binary: Json = {
        "type": "object",
        "properties": {**properties, "parameters": bytes_after, "data": False},
        "required": ["name", "datatype", "shape", "parameters"],
    }
    element = _element_schema(spec.datatype)
    if element is None:
        return binary
    plain: Json = {
        "type": "object",
        "properties": {
            **properties,
            "data": _data_schema(element, len(spec.shape)),
            "parameters": {"type": "object", "properties": {"binary_data_size": {"type": "null"}}},
        },
        "required": ["name", "datatype", "shape", "data"],
    }
    return {"anyOf": [plain, binary]}


def picture_schema(spec: TensorSpec) -> Json:
    """Return how image files stand in a request: as strings of base64, or as bytes after it."""
    as_bytes = TensorSpec(spec.name, Datatype.BYTES, (spec.shape[0],))
    return input_schema(as_bytes)


def output_schema(spec: TensorSpec) -> Json:
    """Return what an output looks like in a response; classes come as strings."""
    return {
        "type": "object",
        "required": ["name", "datatype", "shape"],
        "properties": {
            "name": {"const": spec.name},
            "datatype": {"enum": sorted({spec.datatype.value, Datatype.BYTES.value})},
            "shape": {"type": "array", "items": {"type": "integer", "minimum": 0}},
            "data": {"type": "array"},
            "parameters": {
                "type": "object",
                "properties": {"binary_data_size": {"type": "integer", "minimum": 0}},
            },
        },
    }


def wish_schema(outputs: tuple[TensorSpec, ...]) -> Json:
    """Return how outputs are asked for."""
    parameters = {
        "type": "object",
        "properties": {
            "binary_data": {"type": "boolean"},
            "classification": {"type": "integer", "minimum": 1},
        },
    }
    return {
        "type": ["array", "null"],
        "items": {
            "type": "object",
            "required": ["name"],
            "properties": {
                "name": {"enum": [spec.name for spec in outputs]},
                "parameters": parameters,
            },
        },
        "maxItems": len(outputs),
    }


def example(spec: TensorSpec) -> Json | None:
    """Return an input that the model takes; None where it would be too long or is no JSON."""
    shape = [abs(size) for size in spec.open_shape]
    count = math.prod(shape)
    if count > _LONGEST or _element_schema(spec.datatype) is None:
        return None
    value: Any = 0
    if spec.datatype is Datatype.BYTES:
        value = "a sentence"
    elif spec.datatype is Datatype.BOOL:
        value = False
    data = [value] * count
    return {"name": spec.name, "datatype": spec.datatype.value, "shape": shape, "data": data}


def _shape_schema(spec: TensorSpec) -> Json:
    sizes = spec.open_shape
    items = [{"type": "integer", "minimum": 0} if size < 0 else {"const": size} for size in sizes]
    bounds: Json = {"type": "array", "minItems": len(sizes), "maxItems": len(sizes)}
    return {**bounds, "prefixItems": items} if items else bounds


def _data_schema(element: Json, rank: int) -> Json:
    """Return a flat list, or one nested `rank` times."""
    nested: Json = element
    for _ in range(rank):
        nested = {"type": "array", "items": nested}
    flat = {"type": "array", "items": element}
    return flat if rank < 2 else {"anyOf": [flat, nested]}


def _element_schema(datatype: Datatype) -> Json | None:
    """Return one element; None for types that have no JSON."""
    if datatype in (Datatype.FP16, Datatype.BF16):
        return None
    if datatype is Datatype.BOOL:
        return {"type": "boolean"}
    if datatype is Datatype.BYTES:
        return {"type": "string"}
    if datatype in (Datatype.FP32, Datatype.FP64):
        largest = float(np.finfo(datatype.numpy).max)
        return {"type": "number", "minimum": -largest, "maximum": largest}
    limits = np.iinfo(datatype.numpy)
    return {"type": "integer", "minimum": int(limits.min), "maximum": int(limits.max)}
