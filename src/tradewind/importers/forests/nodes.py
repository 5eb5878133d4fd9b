"""A graph that grows node by node."""

from collections.abc import Iterable
from typing import Any

import onnx
from onnx import helper, numpy_helper

from tradewind.tensors import Array


class Nodes:
    """Nodes and constants, each under a name of its own.

    Args:
        taken: names that are in use already.
    """

    def __init__(self, taken: Iterable[str]) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        self._taken = set(taken)

    def add(self, kind: str, inputs: list[str], output: str = "", **attributes: Any) -> str:
        """Add a node and return the name of its output."""
        name = self.free(output or kind.lower())
        self.nodes.append(helper.make_node(kind, inputs, [name], name=name, **attributes))
        return name

    def constant(self, array: Array) -> str:
        """Add an array and return its name."""
        name = self.free("constant")
        self.constants.append(numpy_helper.from_array(array, name))
        return name

    def free(self, wanted: str) -> str:
        """Return a name that nothing else has."""
        name, number = wanted, 1
        while name in self._taken:
            number += 1
            name = f"{wanted}_{number}"
        self._taken.add(name)
        return name
