"""A graph run piece by piece over all examples, so that what lies ahead may still change."""

from collections.abc import Collection, Mapping, Sequence

import onnx
from onnx import helper

from tradewind.passes.inner import reads, session
from tradewind.tensors import Array

Batches = Sequence[Mapping[str, Array]]


class Walk:
    """A walk through a graph: values are computed when they are asked for, and kept while needed.

    Each node is run once for every batch. A weight may be changed until a node that reads it
    is run.

    Args:
        proto: the graph; the walk reads its weights as late as it can.
        batches: the examples.
        wanted: all values that will be asked for.
        where: the name of the model in messages.
    """

    def __init__(
        self, proto: onnx.ModelProto, batches: Batches, wanted: Collection[str], where: str
    ) -> None:
        self._proto = proto
        self._where = where
        self._wanted = set(wanted)
        self._makers = {name: node for node in proto.graph.node for name in node.output if name}
        self._ahead = {id(node): node for node in proto.graph.node}
        self._weights = {tensor.name: tensor for tensor in proto.graph.initializer}
        self._live: list[dict[str, Array]] = [dict(batch) for batch in batches]

    def to(self, names: Sequence[str]) -> list[dict[str, Array]]:
        """Return some of the wanted values, batch by batch.

        Raises:
            PassError: a part of the graph does not run.
        """
        missing = [name for name in names if self._live and name not in self._live[0]]
        if missing:
            self._advance(missing)
        return [{name: live[name] for name in names} for live in self._live]

    def forget(self, names: Collection[str]) -> None:
        """Say that some values will not be asked for again."""
        self._wanted -= set(names)
        self._drop()

    def _advance(self, missing: Sequence[str]) -> None:
        part = self._part(missing)
        made = [name for node in part for name in node.output if name]
        for node in part:
            del self._ahead[id(node)]
        needed = self._needed()
        outputs = [name for name in made if name in needed or name in missing]
        takes = {name for node in part for name in reads(node)} - set(made)
        inputs = [name for name in self._live[0] if name in takes]
        proto = self._graph(part, inputs, outputs)
        piece = session(proto, outputs, self._where)
        for live in self._live:
            live |= piece({name: live[name] for name in inputs})
        self._drop()

    def _part(self, names: Sequence[str]) -> list[onnx.NodeProto]:
        """Return the nodes still ahead that the named values depend on, in the graph's order."""
        found: set[int] = set()
        waiting = list(names)
        while waiting:
            name = waiting.pop()
            node = self._makers.get(name)
            if name in self._live[0] or node is None or id(node) in found:
                continue
            found.add(id(node))
            waiting += reads(node)
        return [node for node in self._proto.graph.node if id(node) in found]

    def _graph(
        self, part: Sequence[onnx.NodeProto], inputs: Sequence[str], outputs: Sequence[str]
    ) -> onnx.ModelProto:
        read = {name for node in part for name in reads(node)}
        values = [
            helper.make_tensor_value_info(
                name, helper.np_dtype_to_tensor_dtype(self._live[0][name].dtype), None
            )
            for name in inputs
        ]
        weights = [tensor for name, tensor in self._weights.items() if name in read]
        results = [onnx.ValueInfoProto(name=name) for name in outputs]
        graph = helper.make_graph(list(part), "part", values, results, weights)
        proto = onnx.ModelProto()
        proto.CopyFrom(helper.make_model(graph, opset_imports=self._proto.opset_import))
        proto.ir_version = max(self._proto.ir_version, 4)
        return proto

    def _needed(self) -> set[str]:
        return self._wanted | {name for node in self._ahead.values() for name in reads(node)}

    def _drop(self) -> None:
        needed = self._needed()
        for live in self._live:
            for name in [name for name in live if name not in needed]:
                del live[name]
