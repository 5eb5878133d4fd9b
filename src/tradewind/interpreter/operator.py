"""What computes one operator."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import final

from tradewind.interpreter.pytorch import Tensor, torch

Result = Tensor | tuple[Tensor | None, ...]
"""One tensor, or one for every output of the node."""

Function = Callable[..., "Result"]
"""Takes the node, then its inputs in order; one that is left out is None or missing."""


@final
@dataclass(frozen=True)
class Operator:
    """A function with what the interpreter must know about its inputs.

    Args:
        function: computes the outputs from the node and its inputs.
        host: positions of inputs that are read as Python numbers, such as axes and sizes; they
            stay on the CPU where the others are on another device.
        takes_scope: whether it gets all values known so far after the node, for the graphs
            inside it.
    """

    function: Function
    host: tuple[int, ...] = ()
    takes_scope: bool = False


def integers(tensor: Tensor) -> list[int]:
    """Return a tensor of integers as Python numbers."""
    return [int(value) for value in tensor.flatten().tolist()]


def number(tensor: Tensor) -> float:
    """Return a tensor of one element as a Python number."""
    return float(tensor.flatten().tolist()[0])


def wide_unsigned() -> tuple[object, ...]:
    """Return the types that PyTorch stores but hardly computes with; int64 stands in."""
    return torch.uint16, torch.uint32, torch.uint64
