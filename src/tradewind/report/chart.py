"""The picture of what every variant costs against what it loses."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup

from tradewind.report import numbers
from tradewind.report.marks import RADIUS, mark
from tradewind.report.placement import Anchor, Box, place
from tradewind.report.plane import BOTTOM, LEFT, TOP, Plane, Point, Spot
from tradewind.report.svg import element, picture, shortened, text_width

FONT_PX: Final = 12.0
_CLEARANCE: Final = 12.0  # of a label from its mark


@dataclass(frozen=True)
class Scene:
    """What a picture of cost against loss is about.

    Args:
        points: at least one has a cost.
        budget: the loss that is allowed.
        cost: what the horizontal axis shows, with its unit.
        loss: what the vertical axis shows.
        desc: what the picture shows, for those who cannot see it.
    """

    points: Sequence[Point]
    budget: float
    cost: str
    loss: str
    desc: str


def tradeoff(scene: Scene, name: str, size: tuple[float, float]) -> Markup:
    """Return the picture.

    Args:
        scene: what it shows.
        name: unique on the page.
        size: width and height in pixels.
    """
    plane = Plane(scene.points, scene.budget, *size)
    return picture(
        name,
        f"{scene.cost} against {scene.loss}",
        scene.desc,
        size,
        _allowed(plane),
        _axes(plane),
        _names(plane, scene),
        _strip(plane.strip) if plane.strip else "",
        _limit(plane),
        *[_bound(plane, spot, spot.point.upper) for spot in plane.spots],
        *[mark(spot.point.role, spot.x, spot.y, spot.point.tip) for spot in reversed(plane.spots)],
        *[_label(spot, text, box) for spot, text, box in labels(plane)],
    )


def labels(plane: Plane) -> list[tuple[Spot, str, Box]]:
    """Return the labels that fit, each with its place.

    A variant with a cost is labelled between the axes, the others wherever there is room.
    """
    inside = Box(LEFT + 2, TOP - 8, plane.area.width - 4, plane.area.height + 6)
    anywhere = Box(LEFT + 2, TOP - 8, plane.width - LEFT - 4, plane.area.height + 6)
    line = Box(LEFT, plane.upward.at(plane.budget) - 2, plane.area.width, 4)
    taken = [line, _limit_box(plane), *[_covered(plane, spot) for spot in plane.spots]]
    found: list[tuple[Spot, str, Box]] = []
    for frame, is_timed in ((inside, True), (anywhere, False)):
        spots = [spot for spot in plane.spots if (spot.point.cost is not None) == is_timed]
        texts = [_named(plane, spot) for spot in spots]
        anchors = [
            Anchor(spot.x, spot.y, _width(text, spot), 16.0, _CLEARANCE)
            for spot, text in zip(spots, texts, strict=True)
        ]
        boxes = place(anchors, taken, frame)
        found += [
            (spot, text, box)
            for spot, text, box in zip(spots, texts, boxes, strict=True)
            if box is not None
        ]
        taken += [box for box in boxes if box is not None]
    return found


def _named(plane: Plane, spot: Spot) -> str:
    name = shortened(spot.point.name, plane.width * 0.4, FONT_PX)
    if plane.upward.holds(spot.point.drop):
        return name
    return f"{name} ({numbers.share(spot.point.drop)})"


def _width(text: str, spot: Spot) -> float:
    return text_width(text, FONT_PX) * (1.1 if spot.point.role == "chosen" else 1.0)  # bold


def _covered(plane: Plane, spot: Spot) -> Box:
    top = spot.y
    if spot.point.upper is not None:
        top = min(top, plane.upward.at(spot.point.upper))
    return Box(spot.x - RADIUS, top - RADIUS, 2 * RADIUS, spot.y - top + 2 * RADIUS)


def _label(spot: Spot, text: str, box: Box) -> Markup:
    """Return a label, led to its mark by a line when it is not close by."""
    towards = "start" if box.x > spot.x else "end" if box.right < spot.x else "middle"
    written = _text(text, box, f"label {spot.point.role}", towards)
    x, y = box.nearest(spot.x, spot.y)
    away = math.hypot(x - spot.x, y - spot.y)
    if away <= _CLEARANCE + 2:
        return written
    part = RADIUS / away
    start = (spot.x + (x - spot.x) * part, spot.y + (y - spot.y) * part)
    line = element("line", x1=start[0], y1=start[1], x2=x, y2=y, class_="leader")
    return element("g", line, written)


def _allowed(plane: Plane) -> Markup:
    area, line = plane.area, plane.upward.at(plane.budget)
    return element(
        "rect", x=area.x, y=line, width=area.width, height=area.bottom - line, class_="allowed"
    )


def _axes(plane: Plane) -> Markup:
    area, parts = plane.area, []
    for value in plane.upward.ticks():
        y = plane.upward.at(value)
        label = numbers.setting(round(value, 9))
        parts += [
            element("line", x1=area.x, x2=area.right, y1=y, y2=y, class_="rule"),
            element("text", label, x=area.x - 8, y=y + 4, text_anchor="end", class_="tick"),
        ]
    for value in plane.across.ticks(3 if plane.width < 500 else 6):
        x = plane.across.at(value)
        parts.append(
            element(
                "text",
                f"{value:,.10g}",
                x=x,
                y=area.bottom + 18,
                text_anchor="middle",
                class_="tick",
            )
        )
    floor = area.bottom
    return element(
        "g", *parts, element("line", x1=area.x, x2=area.right, y1=floor, y2=floor, class_="axis")
    )


def _names(plane: Plane, scene: Scene) -> Markup:
    below = plane.height - BOTTOM + 38
    middle = plane.area.x + plane.area.width / 2
    return element(
        "g",
        element("text", scene.cost, x=middle, y=below, text_anchor="middle", class_="name"),
        element("text", scene.loss, x=2, y=TOP - 12, class_="name"),
    )


def _limit(plane: Plane) -> Markup:
    y = plane.upward.at(plane.budget)
    line = element("line", x1=LEFT, x2=plane.area.right, y1=y, y2=y, class_="budget")
    return element("g", line, _text(_limit_name(plane), _limit_box(plane), "note", "end"))


def _limit_name(plane: Plane) -> str:
    return f"budget {numbers.setting(plane.budget)}"


def _limit_box(plane: Plane) -> Box:
    width = text_width(_limit_name(plane), FONT_PX)
    return Box(plane.area.right - width, plane.upward.at(plane.budget) - 19, width, 16)


def _strip(box: Box) -> Markup:
    middle = box.x + box.width / 2
    words = [
        element("text", word, x=middle, y=box.bottom + below, text_anchor="middle", class_="tick")
        for word, below in (("cost", 18), ("unknown", 32))
    ]
    area = element("rect", x=box.x, y=box.y, width=box.width, height=box.height, class_="strip")
    return element("g", area, *words)


def _bound(plane: Plane, spot: Spot, upper: float | None) -> Markup:
    """Return the line from the estimate to its upper bound."""
    if upper is None:
        return Markup()
    top = plane.upward.at(upper)
    kind = f"bound {spot.point.role}"
    stem = element("line", x1=spot.x, x2=spot.x, y1=spot.y, y2=top, class_=kind)
    if not plane.upward.holds(upper):
        return stem
    cap = element("line", x1=spot.x - 5, x2=spot.x + 5, y1=top, y2=top, class_=kind)
    return element("g", stem, cap)


def _text(text: str, box: Box, kind: str, towards: str = "start") -> Markup:
    """Return a text in its box, at the side where what it belongs to is."""
    x = {"start": box.x, "middle": box.x + box.width / 2, "end": box.right}[towards]
    return element("text", text, x=x, y=box.bottom - 4, text_anchor=towards, class_=kind)
