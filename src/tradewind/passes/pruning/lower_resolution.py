"""Coarser inputs: fewer pixels, fewer steps of time."""

from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np
import onnx
from onnx import helper, numpy_helper

from tradewind.errors import PassError, SettingError
from tradewind.model import Model
from tradewind.passes.contract import Change, Needs, Observed, Pass
from tradewind.passes.inner import run, shapes_inside
from tradewind.passes.repair import batches_of


@final
@dataclass(frozen=True)
class LowerResolution(Pass):
    """Make what the first convolutions read coarser, by averaging inside of the graph.

    Callers notice nothing: inputs and outputs keep their shapes. Convolutions then cost about
    scale^2 of what they did (of signals scale). Answers change much until the network is trained
    again, as by `Distil`. Networks whose outputs or dense layers depend on the size of the input
    are refused.
    """

    name: ClassVar[str] = "lower_resolution"
    is_lossless: ClassVar[bool] = False

    scale: float = 0.5  # of each side that is kept, 0 < scale < 1

    def __post_init__(self) -> None:
        if not 0 < self.scale < 1:
            raise SettingError("scale", "more than 0, less than 1", str(self.scale))

    def needs(self, model: Model) -> Needs:
        return Needs(examples=model.signature.fixed_batch or 2)

    def apply(self, model: Model, seen: Observed) -> Change:
        where = model.origin.source
        [batch, *_] = batches_of(model, seen, self.needs(model).examples)
        shapes = shapes_inside(model, batch)
        proto = model.to_proto()
        entries = _entries(proto)
        if not entries:
            raise PassError(where, "a convolution near an input", "none")
        told = []
        for name in entries:
            sides = shapes[name][2:]
            coarser = tuple(max(round(side * self.scale), 1) for side in sides)
            if coarser == sides:
                raise PassError(where, "a side of several points", _product(sides))
            _make_coarser(proto, name, sides, coarser)
            told.append(f"{_product(sides)} became {_product(coarser)}")
        del proto.graph.value_info[:]  # shapes of before
        names = [spec.name for spec in model.signature.outputs]
        for name, array in run(proto, batch, names, where).items():
            if array.shape != shapes[name]:
                raise PassError(
                    f"{where}: {name}",
                    "an output whose shape does not depend on the size of the input",
                    f"{list(shapes[name])} became {list(array.shape)}",
                )
        return Change(model.with_proto(proto), ", ".join(told))

    @property
    def label(self) -> str:
        return f"{self.scale:.4g} of the resolution"


def _entries(proto: onnx.ModelProto) -> list[str]:
    """Return what convolutions read that come before any other convolution."""
    makers = {name: node for node in proto.graph.node for name in node.output}
    behind: dict[str, bool] = {}  # whether a convolution lies before a value

    def is_behind(name: str) -> bool:
        if name not in behind:
            node = makers.get(name)
            behind[name] = node is not None and (
                "Conv" in node.op_type or any(is_behind(one) for one in node.input if one)
            )
        return behind[name]

    for node in proto.graph.node:  # in the order in which they run: the recursion stays flat
        for name in node.output:
            is_behind(name)
    first = [
        node.input[0]
        for node in proto.graph.node
        if node.op_type == "Conv" and not is_behind(node.input[0])
    ]
    return list(dict.fromkeys(first))


def _make_coarser(
    proto: onnx.ModelProto, name: str, sides: tuple[int, ...], coarser: tuple[int, ...]
) -> None:
    """Put an average over neighbours between a value and everything that reads it."""
    result = f"{name}_coarser"
    for node in proto.graph.node:
        for at, read in enumerate(node.input):
            if read == name:
                node.input[at] = result
    maker = next((at for at, node in enumerate(proto.graph.node) if name in node.output), -1)
    step = _pooling(proto, name, result, sides, coarser)
    proto.graph.node.insert(maker + 1, step)


def _pooling(
    proto: onnx.ModelProto,
    name: str,
    result: str,
    sides: tuple[int, ...],
    coarser: tuple[int, ...],
) -> onnx.NodeProto:
    """Return the mean of whole blocks where they fit, else an interpolation."""
    if all(side % small == 0 for side, small in zip(sides, coarser, strict=True)):
        block = [side // small for side, small in zip(sides, coarser, strict=True)]
        return helper.make_node(
            "AveragePool", [name], [result], f"{result}_pool", kernel_shape=block, strides=block
        )
    scales = [small / side for side, small in zip(sides, coarser, strict=True)]
    weights = numpy_helper.from_array(np.array([1, 1, *scales], np.float32), f"{result}_scales")
    proto.graph.initializer.append(weights)
    return helper.make_node(
        "Resize", [name, "", weights.name], [result], f"{result}_resize", mode="linear"
    )


def _product(sides: tuple[int, ...]) -> str:
    return "x".join(str(side) for side in sides)
