"""A graph cut in three: what comes before one node, the node, and what comes after it."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import final

import onnx
import onnx.utils
from onnx import TensorProto, helper

from tradewind.errors import ModelError, UnsupportedModel
from tradewind.model import Model


@final
@dataclass(frozen=True, eq=False)
class Cut:
    """The parts of a graph.

    Args:
        before: computes what the node reads, from the graph's inputs; None where it reads one.
        node: alone in the middle.
        after: computes the graph's outputs from the node's and the graph's inputs; None where
            the node's outputs are the graph's.
    """

    before: Model | None
    node: onnx.NodeProto
    after: Model | None


def cut_at(model: Model, operators: Iterable[str], domain: str) -> Cut:
    """Cut a graph at its only node of some operators.

    Args:
        model: holds the node, not inside of another node.
        operators: by name.
        domain: of the operators.

    Raises:
        UnsupportedModel: there is no such node, or more than one.
    """
    proto = model.to_proto()
    wanted = set(operators)
    places = [
        place
        for place, node in enumerate(proto.graph.node)
        if node.domain == domain and node.op_type in wanted
    ]
    if len(places) != 1:
        expected = f"one {' or '.join(sorted(wanted))}"
        got = f"{len(places)} of them" if places else "a graph without one"
        raise UnsupportedModel(model.origin.source, expected, got)
    node = proto.graph.node[places[0]]
    given = [value.name for value in proto.graph.input]
    wanted_last = [value.name for value in proto.graph.output]
    _declare(proto, node)
    source = node.input[0]
    parts = onnx.utils.Extractor(proto)
    try:
        before = None if source in given else _part(model, parts, given, [source])
        is_last = set(wanted_last) <= set(node.output)
        after = None if is_last else _part(model, parts, [*given, *node.output], wanted_last)
    except (KeyError, ValueError, ModelError) as error:  # of onnx, for what it cannot infer
        expected = "a graph that can be cut at its trees"
        raise UnsupportedModel(model.origin.source, expected, str(error)[:300]) from error
    return Cut(before, node, after)


def _declare(proto: onnx.ModelProto, node: onnx.NodeProto) -> None:
    """Say what goes into the node and comes out, which onnx cannot infer everywhere."""
    graph = proto.graph
    known = {value.name for value in (*graph.value_info, *graph.input, *graph.output)}
    for name in {node.input[0], node.output[0]} - known:
        graph.value_info.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", None]))


def _part(
    model: Model, parts: onnx.utils.Extractor, inputs: list[str], outputs: list[str]
) -> Model:
    """Return what computes `outputs`, which takes those of `inputs` that it needs."""
    proto = parts.extract_model(inputs, outputs)
    read = {name for one in proto.graph.node for name in one.input} | set(outputs)
    used = [value for value in proto.graph.input if value.name in read]
    del proto.graph.input[:]
    proto.graph.input.extend(used)
    return model.with_proto(proto)
