"""A quantized graph whose layers can be switched to float one by one, in one session."""

from collections.abc import Collection

import numpy as np
import onnx
from onnx import TensorProto, helper

from tradewind.model import Model
from tradewind.passes.contract import Observed
from tradewind.passes.inner import session
from tradewind.passes.mixing.layers import Layer, layers
from tradewind.passes.mixing.pairing import Pair, pair
from tradewind.passes.quantization.preparing import calibration_batches
from tradewind.tensors import Array

_BATCH = 16
_SWITCH = "tradewind_layer_in_float_"
FARTHEST = 1e6
"""The divergence of answers that are not even numbers."""


class Switched:
    """Both sides of a quantized graph, loaded once.

    Every input that the quantizer changed is chosen between, as the graph runs, by a switch of
    its layer. So the effect of each layer costs one run, and not one more graph in memory.

    Args:
        quantized: the graph with QuantizeLinear and DequantizeLinear pairs.
        original: the float graph that it was made from.
        seen: the examples on which answers are compared.

    Raises:
        PassError: the one graph was not made from the other, or does not run.
    """

    def __init__(self, quantized: Model, original: Model, seen: Observed) -> None:
        found = pair(quantized, original)
        self.layers = layers(found)
        self._switches = {layer.name: f"{_SWITCH}{i}" for i, layer in enumerate(self.layers)}
        self._batches = calibration_batches(original, seen, _BATCH)
        outputs = [spec.name for spec in original.signature.outputs]
        proto = _switched(found, self.layers, self._switches)
        renamed = [f"{name}{_SWITCH}" if name in found.outputs else name for name in outputs]
        self._session = session(proto, renamed, quantized.origin.source)
        self._wanted = self._answers({layer.name for layer in self.layers})
        self.runs = 0

    def divergence(self, in_float: Collection[str]) -> float:
        """Return how far the answers are from the original's with some layers in float.

        sum (answer - original)^2 / sum (original - mean of the original over the examples)^2,
        averaged over the outputs: 0 is equal, 1 is as bad as always answering the mean.

        Args:
            in_float: names of layers; the others are quantized.
        """
        self.runs += 1
        found = [
            _distance(wanted, got)
            for wanted, got in zip(self._wanted, self._answers(in_float), strict=True)
        ]
        return float(np.mean(found)) if found else 0.0

    def _answers(self, in_float: Collection[str]) -> list[Array]:
        """Return each output for all examples."""
        given = {switch: np.array(name in in_float) for name, switch in self._switches.items()}
        answers = [list(self._session({**batch, **given}).values()) for batch in self._batches]
        return [
            np.concatenate([np.atleast_1d(one) for one in parts])
            for parts in zip(*answers, strict=True)
        ]


def _distance(wanted: Array, got: Array) -> float:
    """Return the squared error of one output in units of its spread."""
    if wanted.dtype.kind not in "f":
        return float(np.mean(wanted != got)) if wanted.size else 0.0
    one, other = wanted.astype(np.float64), got.astype(np.float64)
    finite = np.isfinite(one)
    if not np.isfinite(other[finite]).all():
        return FARTHEST
    spread = np.where(finite, one - np.mean(one, axis=0, where=finite, keepdims=True), 0.0)
    error = np.where(finite, other - one, 0.0)
    return min(float((error**2).sum() / max((spread**2).sum(), 1e-12)), FARTHEST)


def _switched(
    found: Pair, all_layers: tuple[Layer, ...], switches: dict[str, str]
) -> onnx.ModelProto:
    """Return the graph with a boolean input for every layer."""
    proto = onnx.ModelProto()
    proto.CopyFrom(found.proto)
    chosen = {
        (edge.node, edge.slot): (switches[layer.name], edge.value)
        for layer in all_layers
        for edge in layer.edges
    }
    ordered: list[onnx.NodeProto] = []
    for node in proto.graph.node:
        for slot, name in enumerate(node.input):
            if (node.name, slot) in chosen:
                switch, value = chosen[node.name, slot]
                choice = f"{_SWITCH}{node.name}_{slot}"
                ordered.append(helper.make_node("Where", [switch, value, name], [choice]))
                node.input[slot] = choice
        ordered.append(node)
    for layer in all_layers:
        for output in layer.outputs:
            switch, value = switches[layer.name], found.outputs[output]
            ordered.append(
                helper.make_node("Where", [switch, value, output], [f"{output}{_SWITCH}"])
            )
    del proto.graph.node[:]
    proto.graph.node.extend(ordered)
    proto.graph.input.extend(
        helper.make_tensor_value_info(name, TensorProto.BOOL, []) for name in switches.values()
    )
    return proto
