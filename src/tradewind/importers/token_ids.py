"""The numbers that an input may hold when they pick rows of a table."""

import onnx

from tradewind.importers.probes import Range

_PASSING = (
    "Cast", "Flatten", "Identity", "Reshape", "Squeeze", "Transpose", "Unsqueeze",
)  # fmt: skip
_STORED = ("Cast", "DequantizeLinear", "Identity")


def token_ids(proto: onnx.ModelProto) -> dict[str, Range]:
    """Return, for every input that picks rows of a table, which rows there are.

    Args:
        proto: the graph; an input is followed through operators that do not change its values.
    """
    graph = proto.graph
    makers = {name: node for node in graph.node for name in node.output}
    rows = {tensor.name: tensor.dims[0] for tensor in graph.initializer if tensor.dims}
    inputs = {value.name for value in graph.input} - rows.keys()
    found: dict[str, Range] = {}
    for node in graph.node:
        if node.op_type != "Gather" or _axis(node) != 0:
            continue
        table = _source(node.input[0], makers, _STORED)
        ids = _source(node.input[1], makers, _PASSING)
        if table in rows and ids in inputs:
            high = rows[table] - 1
            known = found.get(ids)
            found[ids] = Range(0, high if known is None else min(high, known.high))
    return found


def _axis(node: onnx.NodeProto) -> int:
    return next((attribute.i for attribute in node.attribute if attribute.name == "axis"), 0)


def _source(name: str, makers: dict[str, onnx.NodeProto], passing: tuple[str, ...]) -> str:
    """Return where a value comes from, before operators that only pass it on."""
    while name in makers and makers[name].op_type in passing:
        name = makers[name].input[0]
    return name
