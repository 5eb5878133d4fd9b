"""The picture of how far layers are from what the machine can do."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final, final

from markupsafe import Markup

from tradewind.report import numbers
from tradewind.report.axis import Axis
from tradewind.report.marks import RADIUS, mark
from tradewind.report.placement import Anchor, Box, place
from tradewind.report.standing import Role
from tradewind.report.svg import element, picture, shortened, text_width

_FONT_PX: Final = 12.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 54.0, 14.0, 26.0, 46.0
_GIGA = 1e9
_ROOM = 3.0  # the axes go on beyond what is drawn by that factor
_DEPTH = 1e4  # points further below the highest roof are drawn at the edge


@dataclass(frozen=True)
class Roof:
    """A limit of the machine: a rate of multiplications, or of bytes.

    Args:
        name: what it is the limit of.
        per_s: multiply-adds or bytes per second, above 0.
        is_bandwidth: whether bytes are meant.
    """

    name: str
    per_s: float
    is_bandwidth: bool


@dataclass(frozen=True)
class Place:
    """A group of layers in the picture.

    Args:
        name: its label.
        role: of the variant that it belongs to.
        intensity: multiply-adds for each byte that is moved, above 0.
        macs_per_s: multiply-adds per second that were reached, above 0.
        tip: what is said about it on hovering.
    """

    name: str
    role: Role
    intensity: float
    macs_per_s: float
    tip: str


@final
@dataclass(frozen=True)
class _Plane:
    """The axes of one picture, both logarithmic."""

    places: Sequence[Place]
    roofs: Sequence[Roof]
    width: float
    height: float

    @cached_property
    def across(self) -> Axis:
        """Multiply-adds for each byte; wide enough for the ridges, where the roofs meet."""
        ridges = [self._peak / roof.per_s for roof in self.roofs if roof.is_bandwidth]
        seen = [one.intensity for one in self.places]
        low, high = min([*seen, *ridges]), max([*seen, *ridges])
        right = self.width - _RIGHT
        return Axis(low / (2 * _ROOM), high * _ROOM, _LEFT, right, is_log=True)

    @cached_property
    def upward(self) -> Axis:
        """Billions of multiply-adds per second."""
        highest = self._peak / _GIGA
        seen = [one.macs_per_s / _GIGA for one in self.places]
        low = max(min([*seen, highest / 100]), highest / _DEPTH)
        bottom = self.height - _BOTTOM
        return Axis(low / _ROOM, max([*seen, highest]) * 2, bottom, _TOP, is_log=True)

    @property
    def _peak(self) -> float:
        return max(roof.per_s for roof in self.roofs if not roof.is_bandwidth)

    def line(self, roof: Roof) -> tuple[float, float, float, float]:
        """Return where a roof begins and ends, in pixels."""
        if roof.is_bandwidth:
            low, high = self.across.low, self.across.high
            begin = max(low, self.upward.low * _GIGA / roof.per_s)
            end = min(high, self._peak / roof.per_s)
            ends = (begin, begin * roof.per_s), (end, end * roof.per_s)
        else:
            fastest = max(one.per_s for one in self.roofs if one.is_bandwidth)
            begin = min(max(roof.per_s / fastest, self.across.low), self.across.high)
            ends = (begin, roof.per_s), (self.across.high, roof.per_s)
        (x1, y1), (x2, y2) = ends
        across, upward = self.across, self.upward
        return across.at(x1), upward.at(y1 / _GIGA), across.at(x2), upward.at(y2 / _GIGA)


def roofline_picture(
    places: Sequence[Place], roofs: Sequence[Roof], name: str, size: tuple[float, float]
) -> Markup:
    """Return the picture.

    Args:
        places: the most important first, at least one.
        roofs: at least one rate and one bandwidth.
        name: unique on the page.
        size: width and height in pixels.
    """
    plane = _Plane(places, roofs, *size)
    signs = _signs(plane)
    return picture(
        name,
        "How fast layers are, and how fast this machine could be",
        _described(places, roofs),
        size,
        _axes(plane),
        *[_roof(plane, roof, sign) for roof, sign in zip(roofs, signs, strict=True)],
        *[mark(one.role, *_spot(plane, one), one.tip) for one in reversed(places)],
        *_labels(plane, [sign.box for sign in signs if sign is not None]),
    )


def _described(places: Sequence[Place], roofs: Sequence[Roof]) -> str:
    limits = "; ".join(_roof_name(roof) for roof in roofs)
    found = "; ".join(one.tip for one in places)
    return f"Layers are better the nearer they are to the roof above them. Roofs: {limits}. {found}"


def _roof_name(roof: Roof) -> str:
    unit = "GB/s" if roof.is_bandwidth else "billion/s"
    return f"{roof.name} {numbers.significant(roof.per_s / _GIGA)} {unit}"


def _spot(plane: _Plane, one: Place) -> tuple[float, float]:
    return plane.across.at(one.intensity), plane.upward.at(one.macs_per_s / _GIGA)


@dataclass(frozen=True)
class _Sign:
    """The name of a roof in its place."""

    text: str
    box: Box


def _roof(plane: _Plane, roof: Roof, sign: _Sign | None) -> Markup:
    x1, y1, x2, y2 = plane.line(roof)
    kind = "roof bandwidth" if roof.is_bandwidth else "roof"
    parts = [
        element("title", _roof_name(roof)),
        element("line", x1=x1, y1=y1, x2=x2, y2=y2, class_=kind),
    ]
    if sign is not None:
        at = sign.box
        parts.append(element("text", sign.text, x=at.x, y=at.bottom - 4, class_="note"))
    return element("g", *parts)


def _signs(plane: _Plane) -> list[_Sign | None]:
    """Return the names of the roofs where they cover no mark and no line, shortened if need be."""
    taken = _occupied(plane)
    found: list[_Sign | None] = []
    for roof in plane.roofs:
        line = _points(*plane.line(roof))
        free = (
            _Sign(text, box)
            for text in (_roof_name(roof), roof.name)
            for box in _beside(plane, line, text, is_slanted=roof.is_bandwidth)
            if not any(box.overlaps(other) for other in taken)
        )
        sign = next(free, None)
        found.append(sign)
        taken += [] if sign is None else [sign.box]
    return found


def _occupied(plane: _Plane) -> list[Box]:
    """Return what no name may cover: marks and lines."""
    points = [point for roof in plane.roofs for point in _points(*plane.line(roof))]
    marks = [_around(*_spot(plane, one)) for one in plane.places]
    return [*marks, *(Box(x - 1, y - 1, 2, 2) for x, y in points)]


def _beside(
    plane: _Plane, line: Sequence[tuple[float, float]], text: str, *, is_slanted: bool
) -> Iterator[Box]:
    """Yield places for a name from a line's right end on: on one side of it, then on the other."""
    width = text_width(text, _FONT_PX)
    frame = Box(_LEFT, _TOP - 20, plane.width - _LEFT, plane.height - _BOTTOM - _TOP + 20)
    slanted = ((8.0, 2.0), (-8.0 - width, -18.0))
    flat = ((-width, -19.0), (-width, 4.0))
    for dx, dy in slanted if is_slanted else flat:
        for x, y in reversed(line):
            box = Box(x + dx, y + dy, width, 16)
            if box.is_inside(frame):
                yield box


def _points(x1: float, y1: float, x2: float, y2: float) -> list[tuple[float, float]]:
    return [(x1 + (x2 - x1) * k / 60, y1 + (y2 - y1) * k / 60) for k in range(61)]


def _around(x: float, y: float) -> Box:
    return Box(x - RADIUS * 1.5, y - RADIUS * 1.5, 3 * RADIUS, 3 * RADIUS)


def _labels(plane: _Plane, taken: Sequence[Box]) -> list[Markup]:
    """Return the names of the groups for which there is room."""
    frame = Box(_LEFT + 2, _TOP, plane.width - _LEFT - _RIGHT, plane.height - _TOP - _BOTTOM)
    spots = [(one, *_spot(plane, one)) for one in plane.places]
    texts = [shortened(one.name, plane.width * 0.4, _FONT_PX) for one in plane.places]
    anchors = [
        Anchor(x, y, text_width(text, _FONT_PX) * (1.1 if one.role == "chosen" else 1), 16, 12)
        for (one, x, y), text in zip(spots, texts, strict=True)
    ]
    boxes = place(anchors, [*taken, *_occupied(plane)], frame)
    found = []
    for (one, x, y), text, box in zip(spots, texts, boxes, strict=True):
        if box is None:
            continue
        towards = "start" if box.x > x else "end" if box.right < x else "middle"
        at = {"start": box.x, "middle": box.x + box.width / 2, "end": box.right}[towards]
        kind = f"label {one.role}"
        parts = [element("text", text, x=at, y=box.bottom - 4, text_anchor=towards, class_=kind)]
        near_x, near_y = box.nearest(x, y)
        away = math.hypot(near_x - x, near_y - y)
        if away > 14:
            start = (x + (near_x - x) * RADIUS / away, y + (near_y - y) * RADIUS / away)
            parts.append(
                element("line", x1=start[0], y1=start[1], x2=near_x, y2=near_y, class_="leader")
            )
        found.append(element("g", *parts))
    return found


def _axes(plane: _Plane) -> Markup:
    floor, right = plane.height - _BOTTOM, plane.width - _RIGHT
    parts = []
    for value in plane.upward.ticks():
        y = plane.upward.at(value)
        parts += [
            element("line", x1=_LEFT, x2=right, y1=y, y2=y, class_="rule"),
            element("text", f"{value:,.10g}", x=_LEFT - 8, y=y + 4, text_anchor="end",
                    class_="tick"),
        ]  # fmt: skip
    for value in plane.across.ticks():
        x = plane.across.at(value)
        parts.append(
            element("text", f"{value:,.10g}", x=x, y=floor + 18, text_anchor="middle",
                    class_="tick")
        )  # fmt: skip
    return element(
        "g",
        *parts,
        element("line", x1=_LEFT, x2=right, y1=floor, y2=floor, class_="axis"),
        element("text", "Multiply-adds for each byte moved", x=(_LEFT + right) / 2,
                y=floor + 38, text_anchor="middle", class_="name"),
        element("text", "Billion multiply-adds per second", x=2, y=_TOP - 12, class_="name"),
    )  # fmt: skip
