"""Where every variant lies in the picture of cost against loss."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import final

from tradewind.report.axis import Axis, cost_axis
from tradewind.report.marks import RADIUS
from tradewind.report.placement import Box
from tradewind.report.standing import Role

TOP, BOTTOM, LEFT, RIGHT = 26.0, 46.0, 54.0, 12.0
_STRIP = 0.13  # share of the width for variants whose cost was not measured
_REACH = 2.4  # losses above this many times the budget are drawn at the edge
_PRIORITY: tuple[Role, ...] = ("chosen", "original", "certified", "other")


@dataclass(frozen=True)
class Point:
    """One variant in the picture.

    Args:
        name: its label.
        role: its shape.
        cost: 0 or more, in the unit of the picture; None when it was not measured.
        drop: share of right answers lost.
        upper: bound of the drop; None when it was not tested.
        tip: what is said about it on hovering.
    """

    name: str
    role: Role
    cost: float | None
    drop: float
    upper: float | None
    tip: str


@dataclass(frozen=True)
class Spot:
    """A point with its place in pixels."""

    point: Point
    x: float
    y: float


@final
@dataclass(frozen=True)
class Plane:
    """The areas and axes of one picture.

    Args:
        points: at least one has a cost.
        budget: the loss that is allowed.
        width: in pixels.
        height: in pixels.
    """

    points: Sequence[Point]
    budget: float
    width: float
    height: float

    @cached_property
    def strip(self) -> Box | None:
        """The area for variants whose cost was not measured; None when there are none."""
        if all(point.cost is not None for point in self.points):
            return None
        width = round(self.width * _STRIP)
        return Box(self.width - RIGHT - width, TOP, width, self.height - TOP - BOTTOM)

    @cached_property
    def area(self) -> Box:
        """The area between the axes."""
        right = self.strip.x - 6.0 if self.strip else self.width - RIGHT
        return Box(LEFT, TOP, right - LEFT, self.height - TOP - BOTTOM)

    @cached_property
    def across(self) -> Axis:
        """The axis of costs."""
        costs = [point.cost for point in self.points if point.cost is not None]
        return cost_axis(costs, LEFT, self.area.right)

    @cached_property
    def upward(self) -> Axis:
        """The axis of losses, no further than what matters for the budget."""
        seen = [point.drop for point in self.points]
        seen += [point.upper for point in self.points if point.upper is not None]
        top = min(max([*seen, self.budget * 1.5]), self.budget * _REACH)
        bottom = max(min([*seen, 0.0]), -self.budget * _REACH)
        room = (top - bottom) * 0.1
        return Axis(bottom - room, top + room, self.area.bottom, TOP)

    @cached_property
    def spots(self) -> list[Spot]:
        """Every point with its place, the most important first."""
        ranked = sorted(self.points, key=lambda one: (_PRIORITY.index(one.role), one.drop))
        timed = [
            Spot(point, self.across.at(point.cost), self.upward.at(point.drop))
            for point in ranked
            if point.cost is not None
        ]
        return timed + self._beside([point for point in ranked if point.cost is None])

    def _beside(self, points: Sequence[Point]) -> list[Spot]:
        """Return places in the strip, side by side where they would cover each other."""
        if self.strip is None:
            return []
        spots: list[Spot] = []
        lowest: list[float] = []  # y of the last mark of each column
        for point in sorted(points, key=lambda one: one.drop):
            y = self.upward.at(point.drop)
            free = (place for place, last in enumerate(lowest) if abs(last - y) >= 2 * RADIUS)
            column = next(free, len(lowest))
            lowest[column : column + 1] = [y]
            shift = (column * 2.2 * RADIUS) % (self.strip.width - 4 * RADIUS)
            spots.append(Spot(point, self.strip.x + 2 * RADIUS + shift, y))
        return spots
