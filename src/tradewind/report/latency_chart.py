"""The picture of how long one request takes."""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from tradewind.report import numbers
from tradewind.report.axis import Axis
from tradewind.report.standing import Role
from tradewind.report.svg import element, picture, shortened

_ROW = 46.0
_TOP, _BOTTOM = 6.0, 44.0
_VALUES = 168.0  # width kept for the numbers behind the bars
_NAME_PX = 13.0
_REACH = 4.0  # a p99 above this many times the longest p50 would hide all bars


@dataclass(frozen=True)
class Bar:
    """One variant's latency at batch 1, in milliseconds."""

    name: str
    role: Role
    p50: float
    p99: float


def latency_bars(bars: Sequence[Bar], name: str, width: float, limit: float | None) -> Markup:
    """Return the picture: a bar to the p50 and a whisker to the p99 of each variant.

    Args:
        bars: from top to bottom, at least one.
        name: unique on the page.
        width: in pixels; the height follows from the number of bars.
        limit: the p99 that is allowed; None when any is.
    """
    height = _TOP + len(bars) * _ROW + _BOTTOM
    longest = max(bar.p50 for bar in bars)
    longest = min(max(longest, *(bar.p99 for bar in bars)), longest * _REACH)
    values = min(_VALUES, width * 0.45)
    across = Axis(0.0, longest or 1.0, 1.0, width - values)
    desc = "; ".join(
        f"{bar.name}: p50 {numbers.milliseconds(bar.p50)}, p99 {numbers.milliseconds(bar.p99)}"
        for bar in bars
    )
    return picture(
        name,
        "Latency of one request at batch 1",
        desc,
        (width, height),
        _grid(across, height, 4 if width < 500 else 6),
        *[_row(bar, across, _TOP + place * _ROW, width) for place, bar in enumerate(bars)],
        _limit(limit, across, height) if limit is not None and across.holds(limit) else "",
    )


def _grid(across: Axis, height: float, about: int) -> Markup:
    floor = height - _BOTTOM
    parts = [
        element(
            "text",
            "milliseconds, from zero",
            x=across.start,
            y=height - 6,
            class_="name",
        )
    ]
    for value in across.ticks(about):
        x = across.at(value)
        anchor = "start" if value == 0 else "middle"
        parts += [
            element("line", x1=x, x2=x, y1=_TOP, y2=floor, class_="rule"),
            element("text", f"{value:,.10g}", x=x, y=floor + 16, text_anchor=anchor, class_="tick"),
        ]
    return element("g", *parts)


def _row(bar: Bar, across: Axis, top: float, width: float) -> Markup:
    middle, p50, p99 = top + 29, across.at(bar.p50), across.at(bar.p99)
    label = shortened(bar.name, width - 4, _NAME_PX)
    return element(
        "g",
        element("title", bar.name),
        element("text", label, x=across.start, y=top + 14, class_=f"label {bar.role}"),
        element(
            "rect",
            x=across.start,
            y=middle - 6,
            width=max(p50 - across.start, 1.0),
            height=12,
            class_=f"bar {bar.role}",
        ),
        element("line", x1=p50, x2=p99, y1=middle, y2=middle, class_="whisker"),
        _end(p99, middle, is_inside=across.holds(bar.p99)),
        element(
            "text",
            f"{numbers.significant(bar.p50)} (p99 {numbers.significant(bar.p99)}) ms",
            x=max(p50, p99) + 8,
            y=middle + 4,
            class_="value",
        ),
    )


def _end(x: float, y: float, *, is_inside: bool) -> Markup:
    """Return a bar across the whisker's end, or an arrow where it goes on."""
    if is_inside:
        return element("line", x1=x, x2=x, y1=y - 5, y2=y + 5, class_="whisker")
    points = f"{x - 5:.2f},{y - 4:.2f} {x:.2f},{y:.2f} {x - 5:.2f},{y + 4:.2f}"
    return element("polyline", points=points, fill="none", class_="whisker")


def _limit(limit: float, across: Axis, height: float) -> Markup:
    x = across.at(limit)
    return element(
        "g",
        element("title", f"p99 allowed: {limit:,g} ms"),
        element("line", x1=x, x2=x, y1=_TOP, y2=height - _BOTTOM, class_="budget"),
    )
