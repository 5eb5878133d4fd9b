"""Smaller tables of embeddings."""

from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np
import onnx
from onnx import helper, numpy_helper

from tradewind.errors import PassError, SettingError
from tradewind.model import Model
from tradewind.passes.contract import Change, Needs, Observed, Pass
from tradewind.passes.inner import session
from tradewind.passes.repair import batches_of
from tradewind.tensors import Array


@final
@dataclass(frozen=True)
class RestrictVocabulary(Pass):
    """Keep the rows of embedding tables that examples ask for; the others share one, their mean.

    Tokens are translated inside of the graph, so that callers notice nothing; answers on
    examples that hold no other tokens stay the same.
    """

    name: ClassVar[str] = "restrict_vocabulary"
    is_lossless: ClassVar[bool] = False

    examples: int = 20_000
    min_count: int = 1  # rows that are asked for less often are not kept

    def __post_init__(self) -> None:
        for name in ("examples", "min_count"):
            if getattr(self, name) < 1:
                raise SettingError(name, "1 or more", str(getattr(self, name)))

    def needs(self, model: Model) -> Needs:
        return Needs(examples=self.examples)

    def apply(self, model: Model, seen: Observed) -> Change:
        proto, where = model.to_proto(), model.origin.source
        tables = _tables(proto)
        if not tables:
            raise PassError(where, "a table of embeddings", "none")
        counts = self._counts(model, seen, tables)
        before = after = 0
        for node in tables:
            kept = np.flatnonzero(counts[node.input[0]] >= self.min_count)
            size = len(counts[node.input[0]])
            if len(kept) + 1 < size:
                _restrict(proto, node, kept)
                before, after = before + size, after + len(kept) + 1
        if not before:
            raise PassError(where, "tokens that no example holds", "none")
        return Change(model.with_proto(proto), f"{before} rows of embeddings became {after}")

    def _counts(
        self, model: Model, seen: Observed, tables: list[onnx.NodeProto]
    ) -> dict[str, Array]:
        """Return how often each row of each table is asked for."""
        proto = model.to_proto()
        sizes = {one.name: int(one.dims[0]) for one in proto.graph.initializer if one.dims}
        names = sorted({node.input[1] for node in tables})
        found = {node.input[0]: np.zeros(sizes[node.input[0]], np.int64) for node in tables}
        batches = batches_of(model, seen, self.examples)
        inner = [name for name in names if name not in batches[0]]
        loaded = session(proto, inner, model.origin.source) if inner else None
        for batch in batches:
            values = dict(batch) | (loaded(batch) if loaded is not None else {})
            for node in tables:
                size = sizes[node.input[0]]
                asked = np.asarray(values[node.input[1]]).ravel() % size  # from the end as well
                found[node.input[0]] += np.bincount(asked, minlength=size)
        return found

    @property
    def label(self) -> str:
        notes = ["vocabulary"]
        notes += [] if self.examples == 20_000 else [f"of {self.examples} examples"]
        notes += [] if self.min_count == 1 else [f"seen {self.min_count} times"]
        return " ".join(notes)


def _tables(proto: onnx.ModelProto) -> list[onnx.NodeProto]:
    """Return the nodes that look rows up in a table which nothing else reads."""
    weights = {tensor.name: tensor for tensor in proto.graph.initializer}
    reads = [name for node in proto.graph.node for name in node.input]
    return [
        node
        for node in proto.graph.node
        if node.op_type == "Gather"
        and node.input[0] in weights
        and node.input[1] not in weights
        and weights[node.input[0]].data_type in (onnx.TensorProto.FLOAT, onnx.TensorProto.FLOAT16)
        and len(weights[node.input[0]].dims) == 2
        and reads.count(node.input[0]) == 1
        and not any(item.name == "axis" and item.i != 0 for item in node.attribute)
    ]


def _restrict(proto: onnx.ModelProto, node: onnx.NodeProto, kept: Array) -> None:
    """Put a translation of tokens before a table, and the smaller table in its place."""
    name = node.input[0]
    tensor = next(one for one in proto.graph.initializer if one.name == name)
    table = numpy_helper.to_array(tensor)
    others = np.setdiff1d(np.arange(len(table)), kept)
    shared = table[others].astype(np.float64).mean(0, keepdims=True).astype(table.dtype)
    places = np.full(len(table), len(kept), np.int64)
    places[kept] = np.arange(len(kept))
    smaller = np.ascontiguousarray(np.concatenate([table[kept], shared]))
    tensor.CopyFrom(numpy_helper.from_array(smaller, name))
    for value in [value for value in proto.graph.input if value.name == name]:
        proto.graph.input.remove(value)  # as files before IR version 4 list weights
        proto.ir_version = max(proto.ir_version, 4)
    proto.graph.initializer.append(numpy_helper.from_array(places, f"{name}_rows"))
    translated = f"{name}_row"
    at = list(proto.graph.node).index(node)
    lookup = helper.make_node("Gather", [f"{name}_rows", node.input[1]], [translated], axis=0)
    node.input[1] = translated
    proto.graph.node.insert(at, lookup)
