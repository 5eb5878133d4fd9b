"""How many channels of each group stay, so that the cost falls to a share of what it was."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tradewind.passes.pruning.coupling import Coupling, Group
from tradewind.passes.pruning.positions import Labels
from tradewind.passes.pruning.tracing import Product

Widths = list[int]
"""How many channels stay, for each group in the order of `Coupling.groups`."""

Cost = Callable[[Product, Callable[[Labels], int]], float]
"""Returns what a product costs; the function tells how long an axis with some labels is."""


@dataclass(frozen=True)
class Side:
    """What an axis consists of: positions that stay, and so many of each group."""

    still: int
    parts: Mapping[int, int]

    def length(self, widths: Sequence[int], sizes: Sequence[int]) -> int:
        """Return how many positions are left."""
        moving = sum(
            round(count * widths[group] / sizes[group]) for group, count in self.parts.items()
        )
        return self.still + moving


class Allocation:
    """The choice of widths.

    Args:
        coupling: the channels.
        losses: how much each channel matters, by its label.
        multiple: numbers of channels that stay are multiples of this where groups are large.
        cost: what a product costs.
    """

    def __init__(
        self, coupling: Coupling, losses: Mapping[int, float], multiple: int, cost: Cost
    ) -> None:
        self._coupling = coupling
        self._cost = cost
        self._sizes = [len(group.channels) for group in coupling.groups]
        self._steps = [steps(size, multiple) for size in self._sizes]
        self._curves = [_curve(group, losses) for group in coupling.groups]
        roots = [set(group.channels.tolist()) for group in coupling.groups]
        self._owner = {root: index for index, found in enumerate(roots) for root in found}
        self._sides: dict[int, Side] = {}
        self._touched: list[list[int]] = [[] for _ in coupling.groups]
        for index, product in enumerate(coupling.products):
            for group in {one for side in product.sides for one in self._side(side).parts}:
                self._touched[group].append(index)

    def uniform(self, keep: float) -> Widths:
        """Return widths that are about the same share of each group.

        The share falls step by step, group after group, until the cost is low enough.
        """
        widths = list(self._sizes)
        costs = [self._one(index, widths) for index in range(len(self._coupling.products))]
        target = keep * sum(costs)
        for share in np.linspace(0.99, 0.01, 99):
            for group, options in enumerate(self._steps):
                aim = share * self._sizes[group]
                option = options[int(np.argmin(np.abs(np.array(options) - aim)))]
                if option == widths[group]:
                    continue
                if sum(costs) <= target:
                    return widths
                widths[group] = option
                for index in self._touched[group]:
                    costs[index] = self._one(index, widths)
        return widths

    def greedy(self, keep: float) -> Widths:
        """Return widths found by always cutting where a unit of cost loses least."""
        widths = list(self._sizes)
        costs = [self._one(index, widths) for index in range(len(self._coupling.products))]
        target = keep * sum(costs)
        while sum(costs) > target:
            best, found = None, np.inf
            for group, options in enumerate(self._steps):
                for option in options:
                    if option >= widths[group]:
                        continue
                    trial = [*widths[:group], option, *widths[group + 1 :]]
                    saved = sum(costs[at] - self._one(at, trial) for at in self._touched[group])
                    lost = self._curves[group][option] - self._curves[group][widths[group]]
                    if saved > 0 and lost / saved < found:
                        best, found = trial, lost / saved
            if best is None:
                break
            widths = best
            costs = [self._one(index, widths) for index in range(len(costs))]
        return widths

    def _one(self, index: int, widths: Widths) -> float:
        product = self._coupling.products[index]
        return self._cost(product, lambda labels: self._side(labels).length(widths, self._sizes))

    def _side(self, labels: Labels) -> Side:
        key = id(labels)  # the arrays belong to the coupling, which this object keeps
        if key not in self._sides:
            parts: dict[int, int] = {}
            still = 0
            for root in self._coupling.trace.positions.roots(labels).tolist():
                group = self._owner.get(root)
                if group is None:
                    still += 1
                else:
                    parts[group] = parts.get(group, 0) + 1
            self._sides[key] = Side(still, parts)
        return self._sides[key]


def macs(product: Product, length: Callable[[Labels], int]) -> float:
    """Return the multiplications of a product."""
    shares = [length(labels) / len(labels) for labels in product.sides if len(labels)]
    return product.macs * float(np.prod(shares))


def steps(size: int, multiple: int) -> list[int]:
    """Return the numbers of channels worth trying for a group, the smallest first.

    A group that is no larger than the multiple is cut in halves, quarters and so on of it.
    """
    while multiple >= size and multiple > 1:
        multiple //= 2
    return sorted({*range(multiple, size, multiple), size})


def most_important(group: Group, losses: Mapping[int, float], width: int) -> set[int]:
    """Return the channels of a group that go when `width` of them stay."""
    order = sorted(group.channels.tolist(), key=lambda label: losses.get(label, 0.0))
    return set(order[: len(order) - width])


def _curve(group: Group, losses: Mapping[int, float]) -> list[float]:
    """Return what is lost when 0, 1, … channels stay."""
    scores = sorted((losses.get(label, 0.0) for label in group.channels.tolist()), reverse=True)
    tail = np.cumsum([0.0, *scores[::-1]])
    return [float(loss) for loss in tail[::-1]]
