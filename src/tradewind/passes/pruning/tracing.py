"""What is known about a graph while channels are followed through it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import final

import numpy as np
import onnx_ir as ir

from tradewind.passes.pruning.positions import Labels, Positions, frozen
from tradewind.tensors import Array

Axes = list[Labels]
"""The labels of a tensor, one array for each axis."""

Kept = Callable[[Labels], Array]
"""Returns bool[positions]: which of them stay."""


@dataclass(frozen=True)
class Dependent:
    """A constant or attribute that has to be rewritten when positions go.

    Args:
        node: what reads it.
        slot: the input that holds it, or the name of the attribute.
        rewrite: returns the new value.
    """

    node: ir.Node
    slot: int | str
    rewrite: Callable[[Kept], Array]


@dataclass(frozen=True)
class Product:
    """A node that multiplies matrices: every weight or activation meets many others.

    Args:
        node: a convolution or a matrix product.
        macs: multiplications for the examples that were looked at.
        sides: labels of the axes along which the number of multiplications grows.
        inner: labels of what is summed over; of one group, where there are several.
    """

    node: ir.Node
    macs: int
    sides: tuple[Labels, ...]
    inner: Labels


@final
@dataclass
class Tracing:
    """Labels of all values, as far as they are known.

    Args:
        shapes: of every value, for some examples.
        heads: whether a cut through attention takes whole heads, or the same share of each.
    """

    shapes: Mapping[str, tuple[int, ...]]
    heads: bool
    positions: Positions = field(default_factory=Positions)
    axes: dict[str, Axes] = field(default_factory=dict)
    dependents: list[Dependent] = field(default_factory=list)
    products: list[Product] = field(default_factory=list)

    def shape(self, value: ir.Value) -> tuple[int, ...]:
        """Return the shape that was observed; weights know theirs."""
        if value.const_value is not None:
            return tuple(value.const_value.numpy().shape)
        return self.shapes[name_of(value)]

    def labels(self, value: ir.Value) -> Axes:
        """Return the labels of a value: of a weight fresh ones, of anything unknown frozen."""
        name = name_of(value)
        if name not in self.axes:
            shape = self.shape(value)
            make = self.positions.fresh if is_weight(value) else frozen
            self.axes[name] = [make(size) for size in shape]
        return self.axes[name]

    def give(self, value: ir.Value, axes: Axes) -> None:
        """Set the labels of a result.

        Raises:
            ValueError: they do not fit the shape that was observed; the rule is wrong.
        """
        sizes = tuple(len(axis) for axis in axes)
        if sizes != self.shape(value):
            raise ValueError(f"{name_of(value)}: labels of {sizes}, shape {self.shape(value)}")
        self.axes[name_of(value)] = axes

    def freeze(self, *values: ir.Value | None) -> None:
        """Let everything along all axes of some values stay."""
        for value in values:
            if value is not None and self._has_shape(value):
                self.positions.freeze(self.labels(value))

    def _has_shape(self, value: ir.Value) -> bool:
        return value.const_value is not None or name_of(value) in self.shapes

    def broadcast(self, operands: Sequence[Axes], shape: Sequence[int]) -> Axes:
        """Return the labels of the result of an elementwise operator; unites the operands'."""
        result: Axes = []
        for back in range(len(shape), 0, -1):
            axes = [axes[-back] for axes in operands if len(axes) >= back]
            wide = [axis for axis in axes if len(axis) == shape[-back]]
            for other in wide[1:]:
                self.positions.unite(wide[0], other)
            if shape[-back] == 1:
                self.positions.freeze(wide)
            result.append(wide[0])
        return result


def name_of(value: ir.Value) -> str:
    """Return the name of a value; every value of a graph that was read has one."""
    return value.name or ""


def is_weight(value: ir.Value) -> bool:
    """Say whether a value is a constant of the graph."""
    return value.const_value is not None and value.producer() is None


def constant(value: ir.Value | None) -> Array | None:
    """Return what a value holds in every run; None where that depends on the input."""
    if value is None or value.const_value is None:
        return None
    return np.asarray(value.const_value.numpy())
