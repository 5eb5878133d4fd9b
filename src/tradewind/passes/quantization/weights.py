"""Weight-only int8 or int4."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, final

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from tradewind.errors import PassError
from tradewind.model import Model
from tradewind.passes.contract import Change, Needs, Observed, Pass
from tradewind.passes.inner import reads
from tradewind.passes.quantization.front_end import FrontEnd, front_end
from tradewind.passes.quantization.preparing import prepared
from tradewind.passes.upgrade_opset import UpgradeOpset
from tradewind.tensors import Array

_BLOCK_OPSET = 21
"""From here on DequantizeLinear knows blocks and 4-bit numbers."""
_SHRUNK = (1.0, 0.95, 0.9, 0.85, 0.8, 0.75, 0.7)
"""Shares of the range among which 4-bit weights choose: clipping one may pay for finer steps."""


@final
@dataclass(frozen=True)
class QuantizeWeights(Pass):
    """Store the weights of matrix products, embeddings and recurrent layers in int8 or int4.

    Activations and arithmetic stay in floating point, so that no examples are needed and little
    is lost; fewer bytes come from memory, which is time only where that is what takes it: one
    request at a time on large matrices. Rows of embeddings are dequantized after they are
    looked up; like recurrent layers they never get less than int8. Standard operators, so that
    every engine reads them.
    """

    name: ClassVar[str] = "quantize_weights"
    is_lossless: ClassVar[bool] = False

    weights: Literal["s8", "s4"] = "s8"
    block: Literal["channel", "32", "128"] = "channel"  # weights that share a step
    embeddings: bool = True
    front_end: FrontEnd = "float"

    def needs(self, model: Model) -> Needs:
        return Needs()

    def apply(self, model: Model, seen: Observed) -> Change:
        opset = model.graph.opset_imports.get("", 0)
        is_plain = self.weights == "s8" and self.block == "channel"
        least = 13 if is_plain else _BLOCK_OPSET
        if opset < least:
            model = UpgradeOpset(least).apply(model, seen).model
        proto = prepared(model)
        spared = set(front_end(proto)) if self.front_end == "float" else set()
        products = list(_products(proto, spared))
        tables = list(_tables(proto, spared)) if self.embeddings else []
        recurrent = list(_recurrent(proto, spared))
        if not products and not tables and not recurrent:
            expected = "a matrix product with constant weights"
            raise PassError(model.origin.source, expected, "none")
        weights = {tensor.name: tensor for tensor in proto.graph.initializer}
        for node in products:
            self._shrink(proto, node, numpy_helper.to_array(weights[node.input[1]]))
        for node in tables:
            _shrink_table(proto, node, numpy_helper.to_array(weights[node.input[0]]))
        for node in recurrent:
            for place in (1, 2):
                _shrink_gates(proto, node, place, numpy_helper.to_array(weights[node.input[place]]))
        _drop_unused(proto)
        kind = "int8" if self.weights == "s8" else "int4"
        others = f"{len(tables)} embeddings and {len(recurrent)} recurrent layers in int8"
        summary = f"{len(products)} weights of products in {kind}, {others}"
        return Change(model.with_proto(proto), summary)

    def _shrink(self, proto: onnx.ModelProto, node: onnx.NodeProto, values: Array) -> None:
        """Let a product read its weight through a DequantizeLinear."""
        is_turned = any(one.name == "transB" and one.i for one in node.attribute)
        depth = 1 if is_turned else 0  # the axis that is summed over
        size = 0 if self.block == "channel" else int(self.block)
        if size and values.shape[depth] % size:
            size = 0  # engines disagree about a last block that is smaller
        stem = f"{node.name}/weight"
        rows = values if is_turned else values.T
        whole, scales = quantized_rows(
            rows, size or rows.shape[1], 8 if self.weights == "s8" else 4
        )
        if size:
            arranged = scales if is_turned else scales.T
            form = [helper.make_attribute("block_size", size), helper.make_attribute("axis", depth)]
        else:
            arranged = scales[:, 0]
            form = [helper.make_attribute("axis", 1 - depth)]
        _add_numbers(proto, f"{stem}/int", whole if is_turned else whole.T, self.weights)
        _add(proto, f"{stem}/scale", arranged.astype(np.float32))
        inputs = [f"{stem}/int", f"{stem}/scale"]
        spread = helper.make_node("DequantizeLinear", inputs, [stem], stem)
        spread.attribute.extend(form)
        _insert(proto, node, [spread])
        node.input[1] = stem

    @property
    def label(self) -> str:
        notes = ["int8" if self.weights == "s8" else "int4", "weights"]
        notes += [] if self.block == "channel" else [f"in blocks of {self.block}"]
        notes += [] if self.embeddings else ["without embeddings"]
        notes += [] if self.front_end == "float" else ["front end too"]
        return " ".join(notes)


def quantized_rows(rows: Array, block: int, bits: int) -> tuple[Array, Array]:
    """Return whole numbers and steps for each block of each row.

    scale = share * max|block| / (2**(bits - 1) - 1); a block of zeros gets 1. With 4 bits the
    share is the one of seven between 0.7 and 1 that has the least squared error.

    Args:
        rows: float32[outputs, inputs], inputs a multiple of `block`.
        block: weights that share a step.
        bits: 8 or 4.

    Returns:
        int8[outputs, inputs] and float32[outputs, inputs / block].
    """
    top = 2 ** (bits - 1) - 1
    parts = rows.reshape(rows.shape[0], -1, block).astype(np.float32)
    peaks = np.abs(parts).max(-1, keepdims=True)
    full = np.where(peaks > 0, peaks / top, 1.0).astype(np.float32)
    best = np.full_like(full, np.inf)
    scales = full
    for share in _SHRUNK if bits == 4 else _SHRUNK[:1]:
        tried = full * np.float32(share)
        kept = np.clip(np.round(parts / tried), -top - 1, top) * tried
        errors = ((parts - kept) ** 2).sum(-1, keepdims=True)
        scales = np.where(errors < best, tried, scales)
        best = np.minimum(errors, best)
    whole = np.clip(np.round(parts / scales), -top - 1, top).astype(np.int8)
    return whole.reshape(rows.shape), scales[:, :, 0]


def _products(proto: onnx.ModelProto, spared: set[str]) -> Iterator[onnx.NodeProto]:
    weights = {tensor.name: tensor for tensor in proto.graph.initializer}
    for node in proto.graph.node:
        if node.op_type in ("MatMul", "Gemm") and node.name not in spared:
            weight = weights.get(node.input[1])
            if weight is not None and _is_matrix(weight):
                yield node


def _tables(proto: onnx.ModelProto, spared: set[str]) -> Iterator[onnx.NodeProto]:
    weights = {tensor.name: tensor for tensor in proto.graph.initializer}
    for node in proto.graph.node:
        if node.op_type == "Gather" and node.name not in spared:
            axis = next((one.i for one in node.attribute if one.name == "axis"), 0)
            table = weights.get(node.input[0])
            if table is not None and axis == 0 and _is_matrix(table):
                yield node


def _recurrent(proto: onnx.ModelProto, spared: set[str]) -> Iterator[onnx.NodeProto]:
    weights = {tensor.name: tensor for tensor in proto.graph.initializer}
    for node in proto.graph.node:
        if node.op_type in ("LSTM", "GRU", "RNN") and node.name not in spared:
            found = [weights.get(name) for name in node.input[1:3]]
            if all(one is not None and one.data_type == TensorProto.FLOAT for one in found):
                yield node


def _is_matrix(tensor: TensorProto) -> bool:
    return len(tensor.dims) == 2 and tensor.data_type == TensorProto.FLOAT


def _shrink_table(proto: onnx.ModelProto, node: onnx.NodeProto, values: Array) -> None:
    """Let a Gather look up whole numbers and steps, one of these for each row."""
    stem, index = f"{node.name}/rows", node.input[1]
    whole, scales = quantized_rows(values, values.shape[1], 8)
    _add(proto, f"{stem}/int", whole)
    _add(proto, f"{stem}/scale", scales.astype(np.float32))
    before = [
        helper.make_node("Gather", [f"{stem}/int", index], [f"{stem}/found"], f"{stem}/look"),
        helper.make_node(
            "Cast", [f"{stem}/found"], [f"{stem}/float"], f"{stem}/cast", to=TensorProto.FLOAT
        ),
        helper.make_node("Gather", [f"{stem}/scale", index], [f"{stem}/step"], f"{stem}/steps"),
    ]
    _insert(proto, node, before)
    product = helper.make_node("Mul", [f"{stem}/float", f"{stem}/step"], node.output, node.name)
    node.CopyFrom(product)


def _shrink_gates(proto: onnx.ModelProto, node: onnx.NodeProto, place: int, values: Array) -> None:
    """Let a recurrent layer read [directions, gates, inputs] through a step for each gate."""
    stem = f"{node.name}/{'input' if place == 1 else 'state'}"
    rows = values.transpose(1, 0, 2).reshape(values.shape[1], -1)
    whole, scales = quantized_rows(rows, rows.shape[1], 8)
    directions, gates, inputs = values.shape
    _add(proto, f"{stem}/int", whole.reshape(gates, directions, inputs).transpose(1, 0, 2))
    _add(proto, f"{stem}/scale", scales[:, 0].astype(np.float32))
    names = [f"{stem}/int", f"{stem}/scale"]
    _insert(proto, node, [helper.make_node("DequantizeLinear", names, [stem], stem, axis=1)])
    node.input[place] = stem


def _insert(proto: onnx.ModelProto, node: onnx.NodeProto, before: Sequence[onnx.NodeProto]) -> None:
    at = next(i for i, one in enumerate(proto.graph.node) if one.name == node.name)
    for offset, one in enumerate(before):
        proto.graph.node.insert(at + offset, one)


def _add(proto: onnx.ModelProto, name: str, values: Array) -> None:
    proto.graph.initializer.append(numpy_helper.from_array(np.ascontiguousarray(values), name))


def _add_numbers(proto: onnx.ModelProto, name: str, values: Array, kind: str) -> None:
    if kind == "s8":
        _add(proto, name, values)
        return
    numbers = values.reshape(-1)
    # two in one byte, the first in the lower half; a last one without company gets a zero
    pairs = np.append(numbers, np.zeros(len(numbers) % 2, np.int8)).view(np.uint8) & 15
    packed = (pairs[0::2] | (pairs[1::2] << 4)).tobytes()
    tensor = helper.make_tensor(name, TensorProto.INT4, values.shape, packed, raw=True)
    proto.graph.initializer.append(tensor)


def _drop_unused(proto: onnx.ModelProto) -> None:
    used = {name for node in proto.graph.node for name in reads(node)}
    used |= {value.name for value in proto.graph.output}
    dropped = {one.name for one in proto.graph.initializer if one.name not in used}
    kept = [one for one in proto.graph.initializer if one.name not in dropped]
    inputs = [one for one in proto.graph.input if one.name not in dropped]
    for field, values in ((proto.graph.initializer, kept), (proto.graph.input, inputs)):
        del field[:]
        field.extend(values)
