"""Some layers of an int8 graph back in float."""

import zlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import ClassVar, final

import onnx

from tradewind.errors import PassError
from tradewind.model import Model
from tradewind.passes.contract import Change, Needs, Observed, Pass
from tradewind.passes.inner import reads
from tradewind.passes.mixing.layers import Layer, layers
from tradewind.passes.mixing.pairing import Pair, pair

_SHOWN = 8
_LONG = 60


@final
@dataclass(frozen=True)
class RevertLayers(Pass):
    """Return layers of an int8 graph to float, as they were in the original it was made from."""

    name: ClassVar[str] = "revert_layers"
    is_lossless: ClassVar[bool] = False

    layers: tuple[str, ...] = ()  # names of convolutions, matrix products and the like

    def needs(self, model: Model) -> Needs:
        return Needs()

    def apply(self, model: Model, seen: Observed) -> Change:
        where = model.origin.source
        if not self.layers:
            model.to_proto()  # what is no graph is an error all the same
            return Change(model, "no layer was asked for; nothing changed")
        if seen.original is None:
            hint = "hand over the model that was quantized with `--original`."
            raise PassError(where, "the original to take layers from", "none", hint)
        found = pair(model, seen.original)
        known = {layer.name: layer for layer in layers(found)}
        missing = [name for name in self.layers if name not in known]
        if missing:
            hint = f"those are {_listed(list(known))}." if known else "quantize it first."
            raise PassError(where, f"a quantized layer called {missing[0]}", "none", hint)
        proto = reverted(found, [known[name] for name in dict.fromkeys(self.layers)])
        return Change(model.with_proto(proto), _summary(self.layers, len(known)))

    @property
    def label(self) -> str:
        if not self.layers:
            return "layers in float"
        text = ", ".join(self.layers)
        if len(text) < 40:
            return f"{text} in float"
        # a list that is too long for a line is told by a checksum
        return f"{len(self.layers)} layers in float ({zlib.crc32(text.encode()):08x})"


def _summary(names: Sequence[str], count: int) -> str:
    return f"{len(names)} of {count} quantized layers are in float again: {_listed(names)}"


def _listed(names: Sequence[str]) -> str:
    """Return the first names; converters join those of all that they fused into very long ones."""
    shown = [name if len(name) <= _LONG else f"{name[:_LONG]}…" for name in names[:_SHOWN]]
    return ", ".join(shown) + (", …" if len(names) > _SHOWN else "")


def reverted(found: Pair, chosen: Collection[Layer]) -> onnx.ModelProto:
    """Return the graph with some layers in float, without what nothing reads any more.

    Args:
        found: both sides of the graph; left as it is.
        chosen: which layers.
    """
    proto = onnx.ModelProto()
    proto.CopyFrom(found.proto)
    values = {(edge.node, edge.slot): edge.value for layer in chosen for edge in layer.edges}
    for node in proto.graph.node:
        for slot in range(len(node.input)):
            node.input[slot] = values.get((node.name, slot), node.input[slot])
    for layer in chosen:
        for output in layer.outputs:
            _release(proto, output, found.outputs[output])
    _remove_unread(proto)
    return proto


def _release(proto: onnx.ModelProto, output: str, value: str) -> None:
    """Let an output of the graph be a value as it is, in place of its rounded form."""
    new = {output: f"{output}_rounded", value: output}
    for node in proto.graph.node:
        for names in (node.input, node.output):
            for index, name in enumerate(names):
                names[index] = new.get(name, name)


def _remove_unread(proto: onnx.ModelProto) -> None:
    """Take out nodes and weights that no output depends on, in place."""
    wanted = {value.name for value in proto.graph.output}
    kept: list[onnx.NodeProto] = []
    for node in reversed(proto.graph.node):
        if wanted & set(node.output):
            wanted |= set(reads(node))
            kept.append(node)
    weights = [tensor for tensor in proto.graph.initializer if tensor.name in wanted]
    del proto.graph.node[:], proto.graph.initializer[:], proto.graph.value_info[:]
    proto.graph.node.extend(reversed(kept))
    proto.graph.initializer.extend(weights)
