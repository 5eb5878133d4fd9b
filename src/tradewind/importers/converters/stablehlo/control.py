"""Loops, branches and calls."""

from typing import Any

import numpy as np
from onnx import TensorProto, helper

from .reading import Operation
from .writing import Value, refused, value_info

_SILENT = ("shape_assertion",)
_NAMED = {
    "erf": "Erf", "tan": "Tan", "sinh": "Sinh", "cosh": "Cosh", "asin": "Asin", "acos": "Acos",
    "atan": "Atan", "asinh": "Asinh", "acosh": "Acosh", "atanh": "Atanh",
}  # fmt: skip
"""Functions that JAX spells out as polynomials, by the names that it leaves on them."""

_PASSED = ("Sharding", "SPMDFullToShardShape", "SPMDShardToFullShape", "annotate_device_placement")


def call(op: Operation) -> list[Value]:
    """Write the function in place of the call."""
    return op.run(str(op.attribute("callee")).lstrip("@").strip('"'), op.inputs)


def composite(op: Operation) -> list[Value]:
    """Write what a named group of operators consists of."""
    name = str(op.attribute("name")).strip('"').removeprefix("chlo.")
    if name == "top_k":
        return top_k(op)
    if name in _NAMED:
        return [op.named(op.add(_NAMED[name], [op.name(0)]))]
    return op.run(str(op.attribute("decomposition")).lstrip("@").strip('"'), op.inputs)


def top_k(op: Operation) -> list[Value]:
    """Return the largest elements with their places."""
    values, places = op.result(), op.result(1)
    count = values.shape[-1]
    if count is None:
        raise refused("a known number of elements", "a computed one")
    names = op.add("TopK", [op.name(0), op.graph.constant([count], np.int64)], 2, axis=-1)
    return [op.named(names[0]), op.named(op.graph.cast(names[1], places.type), 1)]


def custom_call(op: Operation) -> list[Value]:
    """Take calls of foreign code that are known to change nothing."""
    target = str(op.attribute("call_target_name")).strip('"')
    if target in _SILENT:
        return []
    if target in _PASSED:
        return list(op.inputs)
    if target in ("mhlo.erf", "mhlo.topk"):
        kind = op.add("Erf", [op.name(0)]) if target == "mhlo.erf" else None
        return top_k(op) if kind is None else [op.named(kind)]
    raise refused("operators of StableHLO", f"foreign code called {target!r}")


def _returned(block: Any) -> list[Any]:
    """Return what a block gives back, as MLIR has it."""
    return list(list(block.operations)[-1].operation.operands)


def loop(op: Operation) -> list[Value]:
    """Convert a loop; what no round changes is not carried through."""
    start, block = op.body(0), op.body(1)
    arguments, returned = list(block.arguments), _returned(block)
    carried = [i for i, (a, r) in enumerate(zip(arguments, returned, strict=True)) if a != r]
    graph = op.graph
    for index in range(len(op.inputs)):  # outside, so that every round finds them
        graph.name(op.inputs[index])
    first = graph.name(op.run(start, op.inputs)[0])
    state = [op.inputs[i] for i in carried]
    inner = [Value(value.shape, value.type, graph.free("carried")) for value in state]
    values = list(op.inputs)
    for index, value in zip(carried, inner, strict=True):
        values[index] = value
    with graph.part() as nodes:
        after = op.run(block, values)
        going_on = graph.name(op.run(start, after)[0])
        names = [graph.add("Identity", [going_on])]
        names += [graph.add("Identity", [graph.name(after[index])]) for index in carried]
    condition = [graph.free("round"), graph.free("going_on")]
    body = helper.make_graph(
        nodes,
        graph.free("body"),
        [
            helper.make_tensor_value_info(condition[0], TensorProto.INT64, []),
            helper.make_tensor_value_info(condition[1], TensorProto.BOOL, []),
            *(value_info(value.name, value) for value in inner),
        ],
        [
            helper.make_tensor_value_info(names[0], TensorProto.BOOL, []),
            *(value_info(name, v) for name, v in zip(names[1:], state, strict=True)),
        ],
    )
    inputs = ["", first, *(graph.name(value) for value in state)]
    made = graph.add("Loop", inputs, len(carried), body=body)
    made = [made] if isinstance(made, str) else made
    results = list(op.inputs)
    for index, name in zip(carried, made, strict=True):
        results[index] = op.named(name, index)
    return results


def branch(op: Operation) -> list[Value]:
    """Convert a choice between two or more blocks."""
    regions = [region.blocks[0] for region in op.view.operation.regions]
    return _chosen(op, regions, 0)


def _chosen(op: Operation, blocks: list[Any], at: int) -> list[Value]:
    if at == len(blocks) - 1:
        return op.run(blocks[at], [])
    graph, test = op.graph, op.inputs[0]
    if test.type == "i1":  # of `if`: the first block is for true
        condition = graph.name(test)
    else:
        condition = graph.add("Equal", [graph.name(test), graph.constant(at, test.numpy)])
    parts, names = [], []
    for is_rest in (False, True):
        with graph.part() as nodes:
            values = _chosen(op, blocks, at + 1) if is_rest else op.run(blocks[at], [])
            names = [graph.add("Identity", [graph.name(value)]) for value in values]
        outputs = [value_info(n, op.result(i)) for i, n in enumerate(names)]
        parts.append(helper.make_graph(nodes, graph.free("branch"), [], outputs))
    made = graph.add("If", [condition], len(names), then_branch=parts[0], else_branch=parts[1])
    made = [made] if isinstance(made, str) else made
    return [op.named(name, index) for index, name in enumerate(made)]


CONTROL = {
    "call": call, "composite": composite, "custom_call": custom_call, "while": loop,
    "case": branch, "if": branch, "top_k": top_k,
}  # fmt: skip
