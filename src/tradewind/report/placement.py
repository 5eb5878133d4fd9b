"""Places for labels at which none covers another."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

_RINGS = (0.0, 10.0, 22.0, 36.0)  # pixels further away than as near as possible


@dataclass(frozen=True)
class Box:
    """A rectangle in pixels; y grows downwards."""

    x: float
    y: float
    width: float
    height: float

    @property
    def right(self) -> float:
        """The greatest x."""
        return self.x + self.width

    @property
    def bottom(self) -> float:
        """The greatest y."""
        return self.y + self.height

    def overlaps(self, other: "Box") -> bool:
        """Say whether the two share more than an edge."""
        return (
            self.x < other.right
            and other.x < self.right
            and self.y < other.bottom
            and other.y < self.bottom
        )

    def is_inside(self, frame: "Box") -> bool:
        """Say whether all of it lies in `frame`."""
        return (
            self.x >= frame.x
            and self.y >= frame.y
            and self.right <= frame.right
            and self.bottom <= frame.bottom
        )

    def nearest(self, x: float, y: float) -> tuple[float, float]:
        """Return the point of the rectangle that is nearest to a point."""
        return min(max(x, self.x), self.right), min(max(y, self.y), self.bottom)


@dataclass(frozen=True)
class Anchor:
    """A point with the size of the label that belongs beside it.

    Args:
        x: of the point.
        y: of the point.
        width: of the label.
        height: of the label.
        clearance: distance that the label keeps from the point.
    """

    x: float
    y: float
    width: float
    height: float
    clearance: float = 9.0


def place(anchors: Sequence[Anchor], taken: Iterable[Box], frame: Box) -> list[Box | None]:
    """Return a place for each label, or None where there is no room.

    Each label in turn takes the nearest free place: right of its point, left, above, below, then
    the corners, then the same further away.

    Args:
        anchors: the most important first.
        taken: what no label may cover.
        frame: what no label may leave.
    """
    occupied = list(taken)
    places: list[Box | None] = []
    for anchor in anchors:
        free = next(
            (
                box
                for box in _around(anchor)
                if box.is_inside(frame) and not any(box.overlaps(other) for other in occupied)
            ),
            None,
        )
        places.append(free)
        if free is not None:
            occupied.append(free)
    return places


def _around(anchor: Anchor) -> Iterable[Box]:
    half_width, half_height = anchor.width / 2, anchor.height / 2
    for ring in _RINGS:
        beside = half_width + anchor.clearance + ring
        above = half_height + anchor.clearance + ring
        corner = half_height + anchor.clearance * 0.6 + ring
        for dx, dy in (
            (beside, 0.0),
            (-beside, 0.0),
            (0.0, -above),
            (0.0, above),
            (beside, -corner),
            (beside, corner),
            (-beside, -corner),
            (-beside, corner),
        ):
            yield Box(
                anchor.x + dx - half_width,
                anchor.y + dy - half_height,
                anchor.width,
                anchor.height,
            )
