"""Residual blocks: x + f(x), where nothing else looks into f."""

from collections.abc import Callable, Collection, Mapping, MutableSequence, Sequence
from dataclasses import dataclass
from typing import TypeVar

import onnx

from tradewind.model import Model
from tradewind.passes.inner import reads

Message = TypeVar("Message")

_WEIGHTED = ("Conv", "ConvTranspose", "Gemm", "MatMul", "LSTM", "GRU")


@dataclass(frozen=True)
class Block:
    """One residual branch with its sum.

    Args:
        start: the value x that goes in.
        end: the value x + f(x) that comes out.
        branch: the results of all nodes in f.
    """

    start: str
    end: str
    branch: frozenset[str]


def find_blocks(proto: onnx.ModelProto, shapes: Mapping[str, tuple[int, ...]]) -> tuple[Block, ...]:
    """Return the residual blocks that hold no other, in the order in which they run.

    Args:
        proto: the graph.
        shapes: of its values, for some examples.
    """
    found: list[Block] = []
    makers = {name: node for node in proto.graph.node for name in node.output if name}
    ends = {value.name for value in proto.graph.output}
    for node in proto.graph.node:
        if node.op_type != "Add" or node.output[0] in ends:
            continue
        left, right = node.input
        for start, last in ((left, right), (right, left)):
            if shapes.get(start) != shapes.get(node.output[0]) or last not in makers:
                continue
            branch = _branch(start, last, proto, makers)
            if branch and _is_closed(proto, branch, node.output[0], ends):
                found.append(Block(start, node.output[0], frozenset(branch)))
                break
    sums = {block.end for block in found}
    return tuple(block for block in found if not block.branch & sums)


def _branch(
    start: str, last: str, proto: onnx.ModelProto, makers: Mapping[str, onnx.NodeProto]
) -> set[str]:
    """Return the results of all nodes between two values; empty where others flow in too."""
    inputs = {value.name for value in proto.graph.input}
    inputs -= {tensor.name for tensor in proto.graph.initializer}
    found: set[str] = set()
    waiting, has_weights, reaches = [last], False, False
    while waiting:
        name = waiting.pop()
        node = makers.get(name)
        if name == start:
            reaches = True
        elif name in inputs or (node and any(item.HasField("g") for item in node.attribute)):
            return set()
        elif node is not None and name not in found:
            found |= {one for one in node.output if one}
            has_weights |= node.op_type in _WEIGHTED
            waiting += [one for one in node.input if one]
    return found if has_weights and reaches else set()


def _is_closed(proto: onnx.ModelProto, branch: set[str], end: str, ends: Collection[str]) -> bool:
    """Say whether nothing outside reads a result of the branch, but for the sum."""
    if branch & set(ends):
        return False
    return all(
        node.output[0] in branch or node.output[0] == end or not branch & set(reads(node))
        for node in proto.graph.node
    )


def without(model: Model, blocks: Sequence[Block]) -> tuple[Model, dict[str, str]]:
    """Return the graph without some blocks, x in the place of x + f(x).

    A Relu behind the sum goes too where x comes from another.

    Returns:
        The smaller graph, with what each value in front of the cuts stands for: the name that
        what it replaces has in `model`.
    """
    proto = model.to_proto()
    stands_for: dict[str, str] = {}
    renamed: dict[str, str] = {}
    makers = {node.output[0]: node for node in proto.graph.node}
    gone = {name for block in blocks for name in (*block.branch, block.end)}
    for block in blocks:
        start = renamed.get(block.start, block.start)
        readers = [node for node in proto.graph.node if block.end in node.input]
        maker = makers.get(start)
        if maker is not None and maker.op_type == "Relu" and _are_relus(readers):
            for node in readers:
                renamed[node.output[0]] = start
                gone.add(node.output[0])
            stands_for[maker.input[0]] = block.end
        renamed[block.end] = start
        stands_for[start] = block.end
    _remove(proto, gone)
    for node in proto.graph.node:
        for slot, name in enumerate(node.input):
            node.input[slot] = renamed.get(name, name)
    return model.with_proto(proto), stands_for


def _are_relus(readers: Sequence[onnx.NodeProto]) -> bool:
    return bool(readers) and all(node.op_type == "Relu" for node in readers)


def _remove(proto: onnx.ModelProto, gone: set[str]) -> None:
    """Remove the nodes that make some values, with the weights that nothing reads any more."""
    _filter(proto.graph.node, lambda node: not gone & set(node.output))
    read = {name for node in proto.graph.node for name in reads(node)}
    read |= {value.name for value in proto.graph.output}
    weights = {tensor.name for tensor in proto.graph.initializer}
    _filter(proto.graph.initializer, lambda tensor: tensor.name in read)
    _filter(proto.graph.input, lambda value: value.name in read or value.name not in weights)
    del proto.graph.value_info[:]


def _filter(field: MutableSequence[Message], stays: Callable[[Message], bool]) -> None:
    """Delete what does not stay from a repeated field."""
    for index in range(len(field) - 1, -1, -1):
        if not stays(field[index]):
            del field[index]
