"""The picture of what every variant costs against what it loses."""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from tradewind.report import numbers
from tradewind.report.axis import Axis, cost_axis
from tradewind.report.marks import RADIUS, mark
from tradewind.report.placement import Anchor, Box, place
from tradewind.report.standing import Role
from tradewind.report.svg import element, picture, shortened, text_width

FONT_PX = 12.0
_TOP, _BOTTOM, _LEFT, _RIGHT = 26.0, 46.0, 54.0, 12.0
_LANE = 96.0  # width of the strip for variants whose cost was not measured
_REACH = 3.0  # losses above this many times the budget are drawn at the edge
_PRIORITY: tuple[Role, ...] = ("chosen", "original", "certified", "other")


@dataclass(frozen=True)
class Point:
    """One variant in the picture.

    Args:
        name: its label.
        role: its shape.
        cost: in the unit of the picture; None when it was not measured.
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


@dataclass(frozen=True)
class _Spot:
    """A point with its place."""

    point: Point
    x: float
    y: float


def tradeoff(scene: Scene, name: str, size: tuple[float, float]) -> Markup:
    """Return the picture.

    Args:
        scene: what it shows.
        name: unique on the page.
        size: width and height in pixels.
    """
    width, height = size
    has_lane = any(point.cost is None for point in scene.points)
    right = width - _RIGHT - (_LANE if has_lane else 0.0)
    costs = [point.cost for point in scene.points if point.cost is not None]
    across = cost_axis(costs, _LEFT, right)
    upward = _loss_axis(scene, height)
    spots = _spots(scene.points, across, upward, right)
    frame = Box(_LEFT + 2, _TOP - 8, width - _LEFT - 4, height - _TOP - _BOTTOM + 6)
    return picture(
        name,
        f"{scene.cost} against {scene.loss}",
        scene.desc,
        size,
        _region(scene, across, upward, right),
        _grid(scene, across, upward, right),
        _lane(width, height) if has_lane else "",
        *[_bar(spot, upward) for spot in spots if spot.point.upper is not None],
        *[mark(spot.point.role, spot.x, spot.y, spot.point.tip) for spot in reversed(spots)],
        *_labels(spots, upward, frame, _budget_label(scene, upward, right)),
    )


def _loss_axis(scene: Scene, height: float) -> Axis:
    budget = scene.budget
    seen = [point.drop for point in scene.points]
    seen += [point.upper for point in scene.points if point.upper is not None]
    top = min(max([*seen, budget * 1.5]), budget * _REACH)
    bottom = max(min([*seen, 0.0]), -budget * _REACH)
    room = (top - bottom) * 0.1
    return Axis(bottom - room, top + room, height - _BOTTOM, _TOP)


def _spots(points: Sequence[Point], across: Axis, upward: Axis, right: float) -> list[_Spot]:
    """Return every point with its place, the most important first."""
    spots: list[_Spot] = []
    lanes: list[float] = []  # of each column in the strip, where its last mark is
    for point in sorted(points, key=lambda one: (_PRIORITY.index(one.role), one.drop)):
        y = upward.at(point.drop)
        if point.cost is not None:
            spots.append(_Spot(point, across.at(point.cost), y))
            continue
        column = next(
            (place for place, last in enumerate(lanes) if abs(last - y) >= 2 * RADIUS), len(lanes)
        )
        lanes[column : column + 1] = [y]
        spots.append(_Spot(point, right + 20.0 + (column * 2.2 * RADIUS) % (_LANE - 24.0), y))
    return spots


def _region(scene: Scene, across: Axis, upward: Axis, right: float) -> Markup:
    line = upward.at(scene.budget)
    return element(
        "rect",
        x=across.start,
        y=line,
        width=right - across.start,
        height=upward.start - line,
        class_="allowed",
    )


def _grid(scene: Scene, across: Axis, upward: Axis, right: float) -> Markup:
    parts = []
    for value in upward.ticks():
        y = upward.at(value)
        label = numbers.setting(round(value, 9))
        parts += [
            element("line", x1=_LEFT, x2=right, y1=y, y2=y, class_="rule"),
            element("text", label, x=_LEFT - 8, y=y + 4, text_anchor="end", class_="tick"),
        ]
    for value in across.ticks(4 if right < 400 else 6):
        x = across.at(value)
        label = f"{value:,.6g}"
        parts.append(
            element("text", label, x=x, y=upward.start + 18, text_anchor="middle", class_="tick")
        )
    middle = (across.start + right) / 2
    line = upward.at(scene.budget)
    parts += [
        element("line", x1=_LEFT, x2=right, y1=upward.start, y2=upward.start, class_="axis"),
        element("line", x1=_LEFT, x2=right, y1=line, y2=line, class_="budget"),
        element(
            "text", scene.cost, x=middle, y=upward.start + 38, text_anchor="middle", class_="name"
        ),
        element("text", scene.loss, x=2, y=_TOP - 12, class_="name"),
    ]
    box = _budget_label(scene, upward, right)
    parts.append(_text(f"budget {numbers.setting(scene.budget)}", box, "note"))
    return element("g", *parts)


def _budget_label(scene: Scene, upward: Axis, right: float) -> Box:
    width = text_width(f"budget {numbers.setting(scene.budget)}", FONT_PX)
    return Box(right - width, upward.at(scene.budget) - 18, width, 16)


def _lane(width: float, height: float) -> Markup:
    left = width - _RIGHT - _LANE + 6
    return element(
        "g",
        element(
            "rect",
            x=left,
            y=_TOP,
            width=_LANE - 6,
            height=height - _TOP - _BOTTOM,
            class_="lane",
        ),
        element(
            "text",
            "not timed",
            x=left + (_LANE - 6) / 2,
            y=height - _BOTTOM + 18,
            text_anchor="middle",
            class_="tick",
        ),
    )


def _bar(spot: _Spot, upward: Axis) -> Markup:
    """Return the line from the estimate to its upper bound."""
    assert spot.point.upper is not None
    top = upward.at(spot.point.upper)
    kind = f"bound {spot.point.role}"
    stem = element("line", x1=spot.x, x2=spot.x, y1=spot.y, y2=top, class_=kind)
    if not upward.holds(spot.point.upper):
        return stem
    cap = element("line", x1=spot.x - 5, x2=spot.x + 5, y1=top, y2=top, class_=kind)
    return element("g", stem, cap)


def _labels(spots: list[_Spot], upward: Axis, frame: Box, reserved: Box) -> list[Markup]:
    texts = [_label(spot, upward, frame.width * 0.45) for spot in spots]
    anchors = [
        Anchor(spot.x, spot.y, text_width(text, FONT_PX), 15.0, 12.0)
        for spot, text in zip(spots, texts, strict=True)
    ]
    taken = [reserved, *[_covered(spot, upward) for spot in spots]]
    return [
        _text(text, box, f"label {spot.point.role}")
        for spot, text, box in zip(spots, texts, place(anchors, taken, frame), strict=True)
        if box is not None
    ]


def _label(spot: _Spot, upward: Axis, width: float) -> str:
    name = shortened(spot.point.name, width, FONT_PX)
    if upward.holds(spot.point.drop):
        return name
    return f"{name} ({numbers.share(spot.point.drop)})"


def _covered(spot: _Spot, upward: Axis) -> Box:
    top = spot.y if spot.point.upper is None else min(spot.y, upward.at(spot.point.upper))
    return Box(spot.x - RADIUS, top - RADIUS, 2 * RADIUS, spot.y - top + 2 * RADIUS)


def _text(text: str, box: Box, kind: str) -> Markup:
    return element("text", text, x=box.x, y=box.y + box.height - 4, class_=kind)
