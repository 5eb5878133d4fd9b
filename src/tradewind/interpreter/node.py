"""One operator of a graph, as the function that computes it sees it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NoReturn, final

import onnx_ir as ir

from tradewind.errors import UnsupportedModel
from tradewind.interpreter.datatypes import Datatypes


@final
@dataclass(frozen=True)
class Node:
    """An operator with its attributes, typed access to which is all that functions need.

    Args:
        op: the operator's name.
        domain: empty for ONNX's own.
        opset: the version of the domain that the graph was written for.
        where: what to call the node in messages.
        outputs: how many results are wanted; one that is left out before a wanted one counts.
        attributes: by name; a graph in an attribute is a plan that is ready to be run.
        datatypes: which PyTorch type stands for an ONNX type.
    """

    op: str
    domain: str
    opset: int
    where: str
    outputs: int
    attributes: Mapping[str, Any]
    datatypes: Datatypes

    def has(self, name: str) -> bool:
        """Say whether the attribute is written down."""
        return name in self.attributes

    def integer(self, name: str, default: int = 0) -> int:
        """Return an attribute that is an integer."""
        return int(self.attributes.get(name, default))

    def integers(self, name: str, default: tuple[int, ...] = ()) -> list[int]:
        """Return an attribute that is a list of integers."""
        return [int(value) for value in self.attributes.get(name, default)]

    def number(self, name: str, default: float = 0.0) -> float:
        """Return an attribute that is a number."""
        return float(self.attributes.get(name, default))

    def numbers(self, name: str) -> list[float]:
        """Return an attribute that is a list of numbers."""
        return [float(value) for value in self.attributes.get(name, ())]

    def text(self, name: str, default: str = "") -> str:
        """Return an attribute that is a string."""
        return str(self.attributes.get(name, default))

    def texts(self, name: str) -> list[str]:
        """Return an attribute that is a list of strings."""
        return [str(value) for value in self.attributes.get(name, ())]

    def tensor(self, name: str) -> ir.TensorProtocol:
        """Return an attribute that is a tensor."""
        found = self.attributes[name]
        assert isinstance(found, ir.TensorProtocol)
        return found

    def refuse(self, expected: str, got: str) -> NoReturn:
        """Say that the operator is known, but not in this form.

        Raises:
            UnsupportedModel: always.
        """
        raise UnsupportedModel(f"{self.where} ({self.op})", expected, got)
