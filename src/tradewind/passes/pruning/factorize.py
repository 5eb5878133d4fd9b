"""Layers of low rank."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, final

import numpy as np
import onnx
from onnx import helper, numpy_helper

from tradewind.engines import OnnxRuntime
from tradewind.errors import PassError, SettingError
from tradewind.model import Model, Origin
from tradewind.passes.contract import Change, Needs, Observed, Pass
from tradewind.passes.inner import session
from tradewind.passes.pruning.low_rank import Factors, factors_of
from tradewind.passes.pruning.stopwatch import fastest_s
from tradewind.passes.repair import Repair, affordable, batches_of, repair
from tradewind.passes.repair.layers import Layer, layers
from tradewind.passes.repair.normal import NormalEquations
from tradewind.passes.repair.refitting import rows_of
from tradewind.tensors import Array, Tensors

_ROWS = 20_000


@final
@dataclass(frozen=True)
class Factorize(Pass):
    """Replace a layer by two or three smaller ones whose product is close to it.

    The rank is the smallest that loses no more than a share of what the layer gives on examples
    (a singular value decomposition whitened by the activations). Of a convolution both ways are
    tried: a narrow one with the same kernel, then 1x1; and 1x1, a narrow one, 1x1 (Tucker-2). A
    layer stays as it is where nothing is cheaper by a fifth at least.
    """

    name: ClassVar[str] = "factorize"
    is_lossless: ClassVar[bool] = False

    loss: float = 0.02  # share of the energy of a layer's result that may be lost, 0 < loss < 1
    cost: Literal["macs", "time"] = "macs"  # time: of each layer alone, on ONNX Runtime
    repairs: bool = True  # whether all layers are fitted anew
    examples: int = 1000
    ridge: float = 1e-4  # how strongly fitted weights are drawn to where they were

    def __post_init__(self) -> None:
        if not 0 < self.loss < 1:
            raise SettingError("loss", "more than 0, less than 1", str(self.loss))
        if self.examples < 1:
            raise SettingError("examples", "1 or more", str(self.examples))
        if not self.ridge > 0:
            raise SettingError("ridge", "more than 0", str(self.ridge))

    def needs(self, model: Model) -> Needs:
        return Needs(examples=self.examples)

    def apply(self, model: Model, seen: Observed) -> Change:
        proto, where = model.to_proto(), model.origin.source
        batches = batches_of(model, seen, self.examples)
        shapes, grams = _observed(model, list(layers(proto)), batches)
        changed = 0
        for layer in layers(model.to_proto()):
            if layer.weight in grams:
                changed += self._replace(proto, layer, grams[layer.weight], shapes[layer.data])
        if not changed:
            raise PassError(where, "a layer that is cheaper in parts", "none")
        _check(proto, where)
        smaller = model.with_proto(proto)
        summary = f"{changed} layers taken apart"
        if self.repairs:
            count = len(next(iter(batches[0].values())))
            most = min(self.examples, affordable(shapes, count))
            how = Repair(ridge=self.ridge)
            smaller, fitted = repair(smaller, model, batches_of(model, seen, most), how)
            summary += f", {fitted} fitted anew"
        return Change(smaller, summary)

    def _replace(
        self, proto: onnx.ModelProto, layer: Layer, gram: Array, shape: tuple[int, ...]
    ) -> bool:
        node = next(one for one in proto.graph.node if layer.weight in one.input)
        tensor = next(one for one in proto.graph.initializer if one.name == layer.weight)
        weight = numpy_helper.to_array(tensor)
        options = [(self._cost([node], [(layer.weight, weight)], shape, 1.0), Factors((), ()))]
        for factors in factors_of(node, layer, weight, gram, self.loss):
            cost = self._cost(factors.nodes, factors.weights, shape, factors.macs_share)
            options.append((cost, factors))
        least, best = min(options[1:], key=lambda option: option[0], default=options[0])
        if not best.nodes or least > 0.8 * options[0][0]:
            return False
        at = list(proto.graph.node).index(node)
        del proto.graph.node[at]
        for offset, part in enumerate(best.nodes):
            proto.graph.node.insert(at + offset, part)
        proto.graph.initializer.remove(tensor)
        for value in [one for one in proto.graph.input if one.name == layer.weight]:
            proto.graph.input.remove(value)
            proto.ir_version = max(proto.ir_version, 4)
        proto.graph.initializer.extend(
            numpy_helper.from_array(np.ascontiguousarray(array, np.float32), name)
            for name, array in best.weights
        )
        return True

    def _cost(
        self,
        nodes: Sequence[onnx.NodeProto],
        weights: Sequence[tuple[str, Array]],
        shape: tuple[int, ...],
        macs_share: float,
    ) -> float:
        """Return what some nodes cost: their share of multiplications, or seconds."""
        if self.cost == "macs":
            return macs_share
        data, out = nodes[0].input[0], nodes[-1].output[0]
        known = [numpy_helper.from_array(np.ascontiguousarray(array, np.float32), name)
                 for name, array in weights]  # fmt: skip
        parts = [_without_bias(node) for node in nodes]
        graph = helper.make_graph(
            parts, "alone",
            [helper.make_tensor_value_info(data, onnx.TensorProto.FLOAT, shape)],
            [helper.make_tensor_value_info(out, onnx.TensorProto.FLOAT, [None] * len(shape))],
            known,
        )  # fmt: skip
        proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        inputs = {data: np.random.default_rng(0).standard_normal(shape).astype(np.float32)}
        alone = Model.from_proto(proto, Origin("onnx", nodes[0].op_type))
        return fastest_s(OnnxRuntime(), alone, inputs)

    @property
    def label(self) -> str:
        notes = [f"low rank, {self.loss:.4g} of energy lost"]
        notes += [] if self.cost == "macs" else ["by time"]
        notes += [] if self.repairs else ["no repair"]
        notes += [] if self.examples == 1000 else [f"{self.examples} examples"]
        notes += [] if self.ridge == 1e-4 else [f"ridge {self.ridge:g}"]
        return ", ".join(notes)


def _without_bias(node: onnx.NodeProto) -> onnx.NodeProto:
    """Return a copy of a node without the bias, which costs next to nothing."""
    copy = onnx.NodeProto()
    copy.CopyFrom(node)
    if len(copy.input) > 2:
        del copy.input[2:]
    return copy


def _check(proto: onnx.ModelProto, where: str) -> None:
    try:
        onnx.checker.check_model(proto, full_check=True)
    except Exception as error:  # shape inference raises classes of its own
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise PassError(where, "a graph whose layers can be taken apart", reason) from error


def _observed(
    model: Model, found: Sequence[Layer], batches: Sequence[Tensors]
) -> tuple[dict[str, tuple[int, ...]], dict[str, Array]]:
    """Return the shapes of what flows into layers, and for each weight the sum of x x'.

    Raises:
        PassError: there is no layer that can be taken apart.
    """
    usable = [layer for layer in found if layer.window is None or layer.window.groups == 1]
    if not usable:
        raise PassError(model.origin.source, "a layer that is cheaper in parts", "none")
    names = {name for layer in usable for name in (layer.data, layer.out)}
    inner = sorted(names - set(batches[0]))
    loaded = session(model.to_proto(), inner, model.origin.source)
    sums = {layer.weight: NormalEquations() for layer in usable}
    shapes: dict[str, tuple[int, ...]] = {}
    random = np.random.default_rng(0)
    total = sum(len(next(iter(batch.values()))) for batch in batches)
    for batch in batches:
        values = dict(batch) | loaded(batch)
        for layer in usable:
            data, out = values[layer.data], values[layer.out]
            shapes.setdefault(layer.data, data.shape)
            rows, _ = rows_of(layer, data, out, _ROWS / total, random)
            sums[layer.weight].add(rows, rows[:, :, :0])
    return shapes, {name: one.gram[0] for name, one in sums.items()}
