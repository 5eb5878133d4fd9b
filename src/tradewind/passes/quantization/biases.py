"""Bias correction: the mean error that rounding brings to each output channel, taken back."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import onnx
from onnx import helper, numpy_helper

from tradewind.model import Model
from tradewind.passes.contract import Observed
from tradewind.passes.inner import reads
from tradewind.passes.quantization.watching import watch
from tradewind.tensors import Array

_PREFIX = "corrected/"


@dataclass(frozen=True)
class _Layer:
    """A weighted operator with the place of its bias."""

    node: onnx.NodeProto
    adder: onnx.NodeProto | None  # the Add behind a MatMul
    bias: str | None  # an initializer; None where there is none yet
    channels: int
    axis: int  # of the channels in the result


def correct_biases(
    model: Model, proto: onnx.ModelProto, quantized: onnx.ModelProto, seen: Observed
) -> int:
    """Change the biases of a float graph in place; return how many.

    bias[c] += mean(exact[c] - rounded[c]), where both layers get the exact inputs, one rounds
    them and its weights. The errors of earlier layers do not come in: their own biases answer
    for these. The graph has to be quantized anew after it.

    Args:
        model: what `proto` was made from, for its signature and its name.
        proto: the float graph.
        quantized: what a quantizer made of it, with the names of its nodes.
        seen: on which means are taken.

    Raises:
        PassError: the graph does not run, or there are too few examples.

    Source: Nagel et al., ICCV 2019, section 4.2; layer by layer as in NNCF's fast variant.
    """
    twins = onnx.ModelProto()
    twins.CopyFrom(proto)
    rounded = {node.name: node for node in quantized.graph.node}
    errors: dict[str, _Layer] = {}
    for layer in _layers(proto):
        other = rounded.get(layer.node.name)
        if other is not None and other.op_type == layer.node.op_type:
            name = _add_twin(twins, layer, other, quantized)
            if name is not None:
                errors[name] = layer
    sums: dict[str, Array] = {}
    counts: dict[str, int] = {}

    def look(name: str, values: Array) -> None:
        rows = np.moveaxis(values.astype(np.float64), errors[name].axis, -1)
        rows = rows.reshape(-1, errors[name].channels)
        sums[name] = sums.get(name, 0.0) + rows.sum(0)
        counts[name] = counts.get(name, 0) + len(rows)

    watch(model, twins, seen, list(errors), look)
    for name, layer in errors.items():
        if counts.get(name):
            _shift(proto, layer, sums[name] / counts[name])
    return len(errors)


def _layers(proto: onnx.ModelProto) -> Iterator[_Layer]:
    weights = {tensor.name: tensor for tensor in proto.graph.initializer}
    readers: dict[str, list[onnx.NodeProto]] = {}
    for node in proto.graph.node:
        for name in reads(node):
            readers.setdefault(name, []).append(node)
    outputs = {value.name for value in proto.graph.output}
    for node in proto.graph.node:
        weight = weights.get(node.input[1]) if len(node.input) > 1 else None
        if weight is None or weight.data_type != onnx.TensorProto.FLOAT:
            continue
        settings = {attribute.name: attribute for attribute in node.attribute}
        if node.op_type in ("Conv", "Gemm"):
            is_plain = node.op_type == "Conv" or (
                all(settings[name].f == 1.0 for name in ("alpha", "beta") if name in settings)
            )
            bias = node.input[2] if len(node.input) > 2 and node.input[2] else None
            turned = node.op_type == "Conv" or ("transB" in settings and settings["transB"].i)
            channels = weight.dims[0 if turned else 1]
            known = bias is None or (bias in weights and list(weights[bias].dims) == [channels])
            if is_plain and known:
                yield _Layer(node, None, bias, channels, 1)
        if node.op_type == "MatMul" and len(weight.dims) == 2:
            after = readers.get(node.output[0], [])
            if len(after) == 1 and after[0].op_type == "Add" and node.output[0] not in outputs:
                bias = next(name for name in after[0].input if name != node.output[0])
                if bias in weights and list(weights[bias].dims) == [weight.dims[1]]:
                    yield _Layer(node, after[0], bias, weight.dims[1], -1)


def _add_twin(
    twins: onnx.ModelProto, layer: _Layer, rounded: onnx.NodeProto, quantized: onnx.ModelProto
) -> str | None:
    """Add the rounded layer to the exact graph; return the name of the error, None if it fits not.

    Of the bias both get the exact one: its own rounding is far finer.
    """
    makers = {name: node for node in quantized.graph.node for name in node.output}
    weights = {tensor.name: tensor for tensor in quantized.graph.initializer}
    known = {name for node in twins.graph.node for name in node.output}
    known |= {value.name for value in twins.graph.input}
    present = {tensor.name for tensor in twins.graph.initializer}
    chain: list[onnx.NodeProto] = []

    def copied(name: str) -> str | None:
        """Return the name of a value within the exact graph, with what it takes to compute it."""
        if name in weights:
            if _PREFIX + name not in present:
                present.add(_PREFIX + name)
                tensor = twins.graph.initializer.add()
                tensor.CopyFrom(weights[name])
                tensor.name = _PREFIX + name
            return _PREFIX + name
        maker = makers.get(name)
        if maker is None or maker.op_type not in ("QuantizeLinear", "DequantizeLinear"):
            return name if name in known else None
        inputs = [copied(one) for one in maker.input]
        if None in inputs:
            return None
        if _PREFIX + name not in known:
            known.add(_PREFIX + name)
            node = onnx.NodeProto()
            node.CopyFrom(maker)
            node.name = f"{_PREFIX}{maker.name}"
            node.input[:] = [one or "" for one in inputs]
            node.output[:] = [_PREFIX + name]
            chain.append(node)
        return _PREFIX + name

    inputs = [copied(name) for name in rounded.input[:2]]
    if None in inputs or inputs == list(rounded.input[:2]):
        return None
    twin = onnx.NodeProto()
    twin.CopyFrom(layer.node)
    twin.name = f"{_PREFIX}{layer.node.name}/twin"
    twin.input[:2] = [one or "" for one in inputs]
    twin.output[:] = [f"{_PREFIX}{layer.node.name}/rounded"]
    name = f"{_PREFIX}{layer.node.name}/error"
    error = helper.make_node("Sub", [layer.node.output[0], twin.output[0]], [name])
    twins.graph.node.extend([*chain, twin, error])
    return name


def _shift(proto: onnx.ModelProto, layer: _Layer, error: Array) -> None:
    """Let one layer read a bias of its own, shifted."""
    old = np.zeros(layer.channels, np.float32)
    if layer.bias is not None:
        old = numpy_helper.to_array(
            next(one for one in proto.graph.initializer if one.name == layer.bias)
        )
    fresh = f"{_PREFIX}{layer.node.name}/bias"
    proto.graph.initializer.append(numpy_helper.from_array((old + error).astype(np.float32), fresh))
    reader = layer.adder or layer.node
    if layer.bias is None:
        del reader.input[2:]
        reader.input.append(fresh)
        return
    reader.input[:] = [fresh if name == layer.bias else name for name in reader.input]
