"""A converter for tests: y = 2 x, with whatever fault the request asks for."""

import os
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

Arrays = dict[str, Any]


def convert(
    request: dict[str, Any], target: Path
) -> tuple[dict[str, Any], Callable[[Arrays, list[str]], Arrays]]:
    fault = request.get("fault")
    print("frameworks print on stdout")
    if fault == "refuses":
        raise ValueError("a model without custom layers", "Lambda", "replace the layer.")
    if fault == "raises":
        raise KeyError("no such layer")
    if fault == "dies":
        os._exit(3)
    if fault == "hangs":
        time.sleep(60)
    if fault != "writes nothing":
        onnx.save(_graph(), target)
    if fault == "writes garbage":
        target.write_bytes(b"garbage")
    notes = {"network": _has_network(), "classes": ["no", "ja"]}
    return notes, lambda inputs, inside: _answer(inputs, inside, fault)


def _answer(inputs: Arrays, inside: list[str], fault: str | None) -> Arrays:
    if fault == "cannot answer":
        raise RuntimeError("no kernel")
    factor = 3 if fault == "answers otherwise" else 2
    doubled = inputs["x"] * np.float32(factor)
    found = {"y": doubled + np.float32(1)}
    return {**found, **({"doubled": doubled} if "doubled" in inside else {})}


def _graph() -> onnx.ModelProto:
    """y = 2 x + 1, x float32[N, 3]."""
    nodes = [
        helper.make_node("Mul", ["x", "two"], ["doubled"], name="twice"),
        helper.make_node("Add", ["doubled", "one"], ["y"], name="plus"),
    ]
    graph = helper.make_graph(
        nodes,
        "doubling",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 3])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 3])],
        [
            numpy_helper.from_array(np.float32(2).reshape(1), "two"),
            numpy_helper.from_array(np.float32(1).reshape(1), "one"),
        ],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def _has_network() -> bool:
    return any(name != "lo" for _, name in socket.if_nameindex())
