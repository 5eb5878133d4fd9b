"""Arithmetic on channels, taken into the convolution before it.

Keras counts channels last, PyTorch first: between a convolution and what Keras does to its
channels, adding a bias or normalizing, lies a transposition that keeps runtimes from joining them.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
from onnx import numpy_helper

_KINDS = ("Add", "Sub", "Mul")


def fold_channels(graph: onnx.GraphProto) -> None:
    """Let each convolution give what sums and products by channel would make of it.

    Args:
        graph: changed; tensors that remain keep their names.
    """
    places = _Places(graph)
    for conv in [node for node in graph.node if node.op_type == "Conv"]:
        turned = places.only_user(conv.output[0])
        if turned is not None and _counts_channels_last(turned):
            _fold(places, conv, turned)
    kept = [node for node in graph.node if id(node) not in places.gone]
    del graph.node[:]
    graph.node.extend(kept)
    read = {name for node in kept for name in node.input} | {one.name for one in graph.output}
    made = {name for node in kept for name in node.output}
    constants = [tensor for tensor in graph.initializer if tensor.name in read]
    known = [value for value in graph.value_info if value.name in made]
    del graph.initializer[:], graph.value_info[:]
    graph.initializer.extend(constants)
    graph.value_info.extend(known)


@dataclass
class _Places:
    """Who makes and who reads the tensors of a graph."""

    graph: onnx.GraphProto
    gone: set[int] = field(default_factory=set)  # ids of nodes

    def __post_init__(self) -> None:
        self.constants = {tensor.name: tensor for tensor in self.graph.initializer}
        self._users: dict[str, list[onnx.NodeProto]] = {}
        for node in self.graph.node:
            for name in node.input:
                self._users.setdefault(name, []).append(node)
        self._shown = {value.name for value in self.graph.output}

    def only_user(self, name: str) -> onnx.NodeProto | None:
        """Return the node that reads a tensor, where it is one and nobody else does."""
        users = self._users.get(name, [])
        return users[0] if len(users) == 1 and name not in self._shown else None

    def by_channel(self, name: str, channels: int) -> Any:
        """Return float64[channels] of a constant that holds one number for each, or for all."""
        tensor = self.constants.get(name)
        if tensor is None or tensor.data_type != onnx.TensorProto.FLOAT:
            return None
        size = int(np.prod(tensor.dims))
        if size != 1 and (size != channels or tensor.dims[-1] != channels):
            return None
        return np.broadcast_to(
            numpy_helper.to_array(tensor).astype(np.float64).ravel(), (channels,)
        )

    def add_constant(self, array: Any, like: str) -> str:
        name = f"{like}/folded"
        while name in self.constants:
            name += "_"
        tensor = numpy_helper.from_array(array.astype(np.float32), name)
        self.graph.initializer.append(tensor)
        self.constants[name] = tensor
        return name


def _counts_channels_last(node: onnx.NodeProto) -> bool:
    order = next((list(one.ints) for one in node.attribute if one.name == "perm"), [])
    return node.op_type == "Transpose" and order == [0, *range(2, len(order)), 1]


def _fold(places: _Places, conv: onnx.NodeProto, turned: onnx.NodeProto) -> None:
    """Take what follows a transposed convolution into its weights."""
    weight = places.constants.get(conv.input[1])
    if weight is None or weight.data_type != onnx.TensorProto.FLOAT:
        return
    channels = weight.dims[0]
    scale, offset = np.ones(channels), np.zeros(channels)
    if len(conv.input) > 2 and conv.input[2]:
        known = places.by_channel(conv.input[2], channels)
        if known is None:
            return
        offset = known
    before, last = scale, turned.output[0]
    while (user := places.only_user(last)) is not None and user.op_type in _KINDS:
        is_first = user.input[0] == last
        value = places.by_channel(user.input[1 if is_first else 0], channels)
        if value is None or (user.op_type == "Sub" and not is_first):
            break
        if user.op_type == "Mul":
            scale, offset = scale * value, offset * value
        else:
            offset = offset + value if user.op_type == "Add" else offset - value
        places.gone.add(id(user))
        last = user.output[0]
    if last == turned.output[0]:
        return
    if scale is not before:
        spread = scale.reshape(-1, *(1,) * (len(weight.dims) - 1))
        scaled = numpy_helper.to_array(weight) * spread
        conv.input[1] = places.add_constant(scaled, conv.input[1])
    bias = places.add_constant(offset, f"{last}/bias")
    conv.input[:] = [*conv.input[:2], bias]
    turned.output[0] = last
