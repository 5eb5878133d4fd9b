"""Operators with graphs inside them."""

from collections.abc import Mapping
from typing import Protocol

from tradewind.interpreter.node import Node
from tradewind.interpreter.operator import Operator
from tradewind.interpreter.pytorch import Tensor, torch


class Inner(Protocol):
    """A graph inside a node, ready to be computed."""

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of what comes out."""
        ...

    def call(self, outside: Mapping[str, Tensor], given: list[Tensor]) -> list[Tensor]:
        """Compute it; it sees all that its surroundings know."""
        ...


def choose(node: Node, scope: Mapping[str, Tensor], condition: Tensor) -> tuple[Tensor, ...]:
    """Compute If: one of two graphs."""
    inner: Inner = node.attributes["then_branch" if bool(condition) else "else_branch"]
    return tuple(inner.call(scope, []))


def loop(
    node: Node,
    scope: Mapping[str, Tensor],
    most: Tensor | None,
    condition: Tensor | None,
    *carried: Tensor,
) -> tuple[Tensor, ...]:
    """Compute Loop: a graph again and again, with what the last round left."""
    body: Inner = node.attributes["body"]
    rounds = float("inf") if most is None else int(most)
    goes_on = True if condition is None else bool(condition)
    state, made, at = list(carried), [], 0
    while goes_on and at < rounds:
        flag, *rest = body.call(scope, [torch.tensor(at), torch.tensor(goes_on), *state])
        goes_on, at = bool(flag), at + 1
        state = rest[: len(state)]
        made.append(rest[len(state) :])
    if not made and len(body.outputs) > 1 + len(state):
        node.refuse("at least one round where rounds are collected", "none")
    return *state, *(torch.stack(parts) for parts in zip(*made, strict=True))


def scan(node: Node, scope: Mapping[str, Tensor], *given: Tensor) -> tuple[Tensor, ...]:
    """Compute Scan: a graph for every element along an axis, with what the last one left."""
    if node.opset < 9:
        node.refuse("opset 9 or newer", str(node.opset))
    body: Inner = node.attributes["body"]
    count = node.integer("num_scan_inputs")
    state, scanned = list(given[:-count]), given[-count:]
    axes = node.integers("scan_input_axes", (0,) * count)
    backwards = node.integers("scan_input_directions", (0,) * count)
    rows = [
        one.movedim(axis, 0).flip(0) if turned else one.movedim(axis, 0)
        for one, axis, turned in zip(scanned, axes, backwards, strict=True)
    ]
    made = []
    for parts in zip(*rows, strict=True):
        results = body.call(scope, [*state, *parts])
        state = results[: len(state)]
        made.append(results[len(state) :])
    if not made:
        node.refuse("at least one element", "none")
    stacked = [torch.stack(parts) for parts in zip(*made, strict=True)]
    out_axes = node.integers("scan_output_axes", (0,) * len(stacked))
    out_back = node.integers("scan_output_directions", (0,) * len(stacked))
    turned = [
        (one.flip(0) if back else one).movedim(0, axis)
        for one, axis, back in zip(stacked, out_axes, out_back, strict=True)
    ]
    return *state, *turned


OPERATORS = {
    "If": Operator(choose, host=(0,), takes_scope=True),
    "Loop": Operator(loop, host=(0, 1), takes_scope=True),
    "Scan": Operator(scan, takes_scope=True),
}
