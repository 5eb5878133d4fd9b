"""StableHLO operators through the bindings of MLIR that JAX brings."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from .writing import Graph, Shape, Value, numpy_type, refused


@dataclass(frozen=True)
class Operation:
    """One StableHLO operator, with its inputs converted."""

    view: Any  # of MLIR
    graph: Graph
    inputs: list[Value]
    run: Callable[[Any, list[Value]], list[Value]]  # converts a block, or a function by name
    found: Callable[[Any], Value]  # what a value of MLIR became

    @property
    def kind(self) -> str:
        """Such as `dot_general`."""
        return str(self.view.operation.name).partition(".")[2]

    def attribute(self, name: str) -> Any:
        """Return an attribute as MLIR has it; None where it is left out."""
        attributes = self.view.operation.attributes
        return attributes[name] if name in attributes else None  # noqa: SIM401, it has no get

    def numbers(self, name: str) -> list[int]:
        """Return an attribute that is a line of integers."""
        found = self.attribute(name)
        return [] if found is None else [int(number) for number in found]

    def number(self, name: str, otherwise: int = 0) -> int:
        """Return an attribute that is an integer."""
        found = self.attribute(name)
        return otherwise if found is None else int(found.value)

    def word(self, name: str) -> str:
        """Return the last word of an attribute, such as EQ."""
        text = str(self.attribute(name))
        return text.replace(">", " ").replace('"', " ").split()[-1]

    def result(self, index: int = 0) -> Value:
        """Return a value of the type of an output, without name."""
        return typed(self.view.operation.results[index].type)

    def named(self, name: str, index: int = 0) -> Value:
        """Return an output that an ONNX operator gives."""
        found = self.result(index)
        found.name = name
        self.graph.named.append(found)
        return found

    def add(self, kind: str, inputs: list[str], count: int = 1, **attributes: Any) -> Any:
        """Write one ONNX operator."""
        return self.graph.add(kind, inputs, count, **attributes)

    def name(self, index: int) -> str:
        """Return the ONNX name of one input."""
        return self.graph.name(self.inputs[index])

    def body(self, index: int = 0) -> Any:
        """Return the only block of a region."""
        return self.view.operation.regions[index].blocks[0]


def typed(type_: Any) -> Value:
    """Return a value of a type of MLIR."""
    from jaxlib.mlir import ir

    if not isinstance(type_, ir.RankedTensorType):
        try:
            type_ = ir.RankedTensorType(type_)
        except ValueError as error:
            raise refused("tensors", str(type_)) from error
    shape: Shape = tuple(
        None if type_.is_dynamic_dim(axis) else type_.get_dim_size(axis)
        for axis in range(type_.rank)
    )
    return Value(shape, str(type_.element_type))


def elements(attribute: Any, value: Value) -> Any:
    """Return a constant of MLIR as numpy has it."""
    from jaxlib.mlir import ir

    shape = tuple(size or 0 for size in value.shape)
    dtype = numpy_type(value.type)
    if getattr(attribute, "is_splat", False):
        single = attribute.get_splat_value()
        return np.full(shape, single.value, dtype)
    if isinstance(attribute, ir.DenseResourceElementsAttr) or "resource" in str(attribute)[:20]:
        raise refused("constants inside of the module", "a resource")
    if value.type == "bf16":
        found = np.array(list(attribute), np.float32)
        return found.astype(dtype).reshape(shape)
    return np.array(attribute).astype(dtype).reshape(shape)
