"""The ONNX graph that a TensorFlow Lite graph becomes, with both orders of image dimensions."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import onnx
from onnx import helper, numpy_helper

from .reading import Array, Graph, LiteFile, Quantization, Tensor

Layout = Literal["last", "first"]
"""Where the channels of a tensor of rank 4 stand: [N, H, W, C] or [N, C, H, W]."""

TO_FIRST = (0, 3, 1, 2)
TO_LAST = (0, 2, 3, 1)

FIRST = ":first"
REAL = ":real"
"""What is put behind a tensor's name for its other order, or for its dequantized values."""


@dataclass(frozen=True)
class Names:
    """Names of which none is given twice, in the whole model."""

    taken: set[str]

    def new(self, wanted: str) -> str:
        """Return `wanted`, with a number behind it where it is taken."""
        found, count = wanted, 1
        while found in self.taken:
            count += 1
            found = f"{wanted}/{count}"
        self.taken.add(found)
        return found


class Writer:
    """An ONNX graph in the making.

    A quantized tensor exists as it is stored ("raw") and dequantized ("real"); one of rank 4 with
    its channels last, as in the file, and first, as ONNX has them. Each is made when it is asked
    for, once.

    Args:
        graph: what is converted.
        file: what it lies in, with the bodies of its loops.
        names: those given so far.
        prefix: put before the names of the tensors, for the bodies of loops.
    """

    def __init__(self, graph: Graph, file: LiteFile, names: Names, prefix: str = "") -> None:
        self.graph = graph
        self.file = file
        self.names = names
        self.prefix = prefix
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: list[onnx.TensorProto] = []
        self.stand_ins: dict[int, int] = {}  # the stored constants of those that are unpacked
        self._raw: dict[tuple[int, Layout], str] = {}
        self._real: dict[tuple[int, Layout], str] = {}

    def tensor(self, index: int) -> Tensor:
        """Return a tensor of the graph."""
        return self.graph.tensors[index]

    def constant(self, values: Array, name: str = "constant") -> str:
        """Add an initializer; return its name."""
        found = self.names.new(name)
        self.initializers.append(numpy_helper.from_array(np.array(values, order="C"), found))
        return found

    def integers(self, values: Sequence[int]) -> str:
        """Add int64 numbers, as shapes and axes are given."""
        return self.constant(np.array(values, np.int64))

    def node(self, op: str, inputs: Iterable[str], name: str = "", **attributes: Any) -> str:
        """Add an operator with one output; return the output's name."""
        return self.split(op, inputs, [name or f"{self.prefix}{op}"], **attributes)[0]

    def split(
        self, op: str, inputs: Iterable[str], outputs: Sequence[str], **attributes: Any
    ) -> list[str]:
        """Add an operator with several outputs; return their names."""
        found = [self.names.new(name) for name in outputs]
        given = list(inputs)
        self.nodes.append(helper.make_node(op, given, found, name=found[0], **attributes))
        return found

    def layout(self, indices: Iterable[int]) -> Layout:
        """Return the order in which tensors are at hand that are to be combined by element."""
        found: Layout = "last"
        for index in indices:
            tensor = self.tensor(index)
            if tensor.constant is not None or not tensor.rank:
                continue
            if tensor.rank != 4:
                return "last"
            if (index, "first") in self._raw and (index, "last") not in self._raw:
                found = "first"
        return found

    def raw(self, index: int, layout: Layout = "last") -> str:
        """Return a tensor as it is stored."""
        key = (index, layout)
        if key not in self._raw:
            self._raw[key] = self._made(index, layout)
        return self._raw[key]

    def _made(self, index: int, layout: Layout) -> str:
        tensor = self.tensor(index)
        name = self.prefix + tensor.name
        if tensor.constant is not None:
            values = tensor.constant if layout == "last" else _first(tensor.constant)
            return self.constant(values, name)
        other: Layout = "first" if layout == "last" else "last"
        if (index, other) not in self._raw:
            if tensor.is_variable:  # a state that begins with zeros
                return self.constant(np.zeros(np.abs(tensor.shape), tensor.dtype), name)
            hint = "convert the model again; its operators are out of order."
            raise ValueError("tensors that are computed before they are used", tensor.name, hint)
        order = TO_FIRST if layout == "first" else TO_LAST
        suffix = FIRST if layout == "first" else ""
        return self.node("Transpose", [self._raw[index, other]], name + suffix, perm=order)

    def real(self, index: int, layout: Layout = "last") -> str:
        """Return a tensor with its quantization undone."""
        tensor = self.tensor(index)
        if tensor.quantization is None or tensor.dtype.kind == "f":
            return self.raw(index, layout)
        key = (index, layout)
        if key not in self._real:
            axis = tensor.quantization.axis % max(tensor.rank, 1)
            if layout == "first":
                axis = TO_FIRST.index(axis + 4 - tensor.rank)
            self._real[key] = self.dequantized(self.raw(index, layout), tensor, axis)
        return self._real[key]

    def dequantized(self, value: str, tensor: Tensor, axis: int = 0) -> str:
        """Add the step from stored to real numbers."""
        assert tensor.quantization is not None
        inputs = [value, *self._scale(tensor.quantization, tensor.dtype)]
        name = self.prefix + tensor.name + REAL
        if tensor.quantization.is_per_channel:
            return self.node("DequantizeLinear", inputs, name, axis=axis)
        return self.node("DequantizeLinear", inputs, name)

    def _scale(self, quantization: Quantization, dtype: Any) -> list[str]:
        one = not quantization.is_per_channel
        scale = quantization.scale[0] if one else quantization.scale
        inputs = [self.constant(np.asarray(scale, np.float32), "scale")]
        if dtype != np.int32 or quantization.zero_point.any():
            zero = quantization.zero_point[0] if one else quantization.zero_point
            inputs.append(self.constant(np.asarray(zero, dtype), "zero_point"))
        return inputs

    def weights(self, index: int, order: Sequence[int]) -> str:
        """Return weights with their dimensions in another order, dequantized in the graph."""
        tensor = self.tensor(self.stand_ins.get(index, index))
        label = self.prefix + tensor.name
        if tensor.constant is None:
            return self.node("Transpose", [self.real(index)], f"{label}:turned", perm=order)
        values = tensor.constant.transpose(order)
        if tensor.dtype.kind == "f":
            return self.constant(values.astype(np.float32), label)
        value = self.constant(values, label)
        if tensor.quantization is None:
            return value
        axis = list(order).index(tensor.quantization.axis)
        return self.dequantized(value, tensor, axis)

    def put(self, index: int, value: str, layout: Layout = "last") -> None:
        """Say which real numbers a tensor holds; they are stored as the file has it."""
        tensor = self.tensor(index)
        if tensor.quantization is not None and tensor.dtype.kind != "f":
            inputs = [value, *self._scale(tensor.quantization, tensor.dtype)]
            value = self.node("QuantizeLinear", inputs, self.named(index, layout))
        self.put_raw(index, value, layout)

    def put_raw(self, index: int, value: str, layout: Layout = "last") -> None:
        """Say which value a tensor is, as it is stored."""
        self._raw[index, layout] = value

    def named(self, index: int, layout: Layout = "last") -> str:
        """Return what a tensor of the file is called in this graph."""
        suffix = FIRST if layout == "first" else ""
        return f"{self.prefix}{self.tensor(index).name}{suffix}"

    def output_name(self, index: int, layout: Layout = "last") -> str:
        """Return what to call the real values of a tensor that is about to be computed."""
        tensor = self.tensor(index)
        is_stored = tensor.quantization is not None and tensor.dtype.kind != "f"
        return self.named(index, layout) + (REAL if is_stored else "")


def _first(values: Array) -> Array:
    """Return a constant as it combines with tensors whose channels come first."""
    if not values.ndim:
        return values
    return values.reshape((1,) * (4 - values.ndim) + values.shape).transpose(TO_FIRST)
