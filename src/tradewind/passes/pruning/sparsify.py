"""Weights set to zero."""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, final

import numpy as np
import onnx
from onnx import numpy_helper

from tradewind.errors import PassError, SettingError
from tradewind.model import Model
from tradewind.passes.contract import Change, Needs, Observed, Pass
from tradewind.passes.inner import session
from tradewind.passes.repair import batches_of
from tradewind.passes.repair.layers import Layer, layers
from tradewind.tensors import Array, Tensors


@final
@dataclass(frozen=True)
class Sparsify(Pass):
    """Set the weights that contribute least to zero: what |w| times the norm of its input says.

    This makes a file that compresses well, and nothing faster: the engines multiply by zeros as
    they do by other numbers, and what is stored is as large as before until it is compressed.
    Source of the rule: Sun et al., "A Simple and Effective Pruning Approach for Large Language
    Models", 2023.
    """

    name: ClassVar[str] = "sparsify"
    is_lossless: ClassVar[bool] = False

    pattern: Literal["free", "2:4", "4:8"] = "free"  # 2:4: two of four neighbours stay
    zeros: float = 0.5  # share of the weights of a layer, where the pattern is free
    examples: int = 200

    def __post_init__(self) -> None:
        if not 0 < self.zeros < 1:
            raise SettingError("zeros", "more than 0, less than 1", str(self.zeros))
        if self.examples < 1:
            raise SettingError("examples", "1 or more", str(self.examples))

    def needs(self, model: Model) -> Needs:
        return Needs(examples=self.examples)

    def apply(self, model: Model, seen: Observed) -> Change:
        proto = model.to_proto()
        found = list(layers(proto))
        if not found:
            raise PassError(model.origin.source, "a layer with weights of its own", "none")
        norms = _norms(model, found, batches_of(model, seen, self.examples))
        tensors = {tensor.name: tensor for tensor in proto.graph.initializer}
        gone = total = 0
        for layer in found:
            weight = numpy_helper.to_array(tensors[layer.weight])
            groups = layer.window.groups if layer.window else 1
            matrix = layer.as_matrix(weight, groups)
            repeats = matrix.shape[1] * groups // len(norms[layer.data])
            inputs = np.repeat(norms[layer.data], repeats).reshape(groups, -1)
            stay = self._stay(np.abs(matrix) * inputs[:, :, None])
            thinned = layer.as_weight(np.where(stay, matrix, 0), weight.shape)
            content = np.ascontiguousarray(thinned, weight.dtype)
            tensors[layer.weight].CopyFrom(numpy_helper.from_array(content, layer.weight))
            gone, total = gone + int((~stay).sum()), total + stay.size
        changed = model.with_proto(proto)
        small, large = len(zlib.compress(changed.content)), len(zlib.compress(model.content))
        summary = f"{gone / total:.0%} of {total} weights are zero"
        return Change(changed, f"{summary}; compressed {large} bytes became {small}")

    def _stay(self, scores: Array) -> Array:
        """Return which weights stay, bool[groups, inputs, outputs]."""
        if self.pattern == "free":
            bound = np.quantile(scores, self.zeros)
            return np.asarray(scores > bound)
        few, many = (int(part) for part in self.pattern.split(":"))
        groups, inputs, outputs = scores.shape
        padded = np.pad(scores, ((0, 0), (0, -inputs % many), (0, 0)))
        parts = padded.reshape(groups, -1, many, outputs)
        ranks = np.argsort(np.argsort(-parts, axis=2, kind="stable"), axis=2)
        return np.asarray((ranks < few).reshape(groups, -1, outputs)[:, :inputs])

    @property
    def label(self) -> str:
        free = f"{self.zeros:.4g} of the weights zero"
        notes = [free if self.pattern == "free" else f"sparse {self.pattern}"]
        notes += [] if self.pattern == "free" or self.zeros == 0.5 else [f"({self.zeros:g})"]
        notes += [] if self.examples == 200 else [f"{self.examples} examples"]
        return ", ".join(notes)


def _norms(model: Model, found: Sequence[Layer], batches: Sequence[Tensors]) -> dict[str, Array]:
    """Return for each value that flows into a layer the norm of each of its channels."""
    proto: onnx.ModelProto = model.to_proto()
    axes = {layer.data: layer.data_axis for layer in found}
    inner = [name for name in axes if name not in batches[0]]
    loaded = session(proto, inner, model.origin.source) if inner else None
    sums: dict[str, Array] = {}
    for batch in batches:
        values = dict(batch) | (loaded(batch) if loaded is not None else {})
        for name, axis in axes.items():
            squared = np.square(values[name], dtype=np.float64)
            others = tuple(one for one in range(squared.ndim) if one != axis % squared.ndim)
            sums[name] = sums.get(name, 0.0) + squared.sum(others)
    return {name: np.sqrt(total) for name, total in sums.items()}
