"""What was measured, as pictures that stand alone."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from benchmarks.serving.records import Closed, Open, Range
from markupsafe import Markup

from tradewind.report.axis import Axis
from tradewind.report.svg import element, picture, text_width

_WIDTH = 760.0
_FONT = 13.0
_ROW = 30.0
_STYLE = (
    "text{font:13px system-ui,sans-serif;fill:#333}.tick{fill:#777;font-size:11px}"
    ".rule{stroke:#ddd}.bar{fill:#9bb8c9}.ours{fill:#00796b}.whisker{stroke:#333;stroke-width:1.5}"
    "polyline{fill:none;stroke-width:2}"
)
_COLOURS: Final = (
    "#00796b",
    "#d55e00",
    "#0072b2",
    "#cc79a7",
    "#e69f00",
    "#56b4e9",
    "#8c6d31",
    "#7f7f7f",
)
_DASHES: Final = ("", "6 3", "2 3", "8 3 2 3", "", "6 3", "2 3", "8 3 2 3")


def draw(
    folder: Path, closed: Sequence[Closed], open_: Sequence[Open], titles: Mapping[str, str]
) -> list[Path]:
    """Write a picture for each closed loop and for each model under overload.

    Returns:
        the files.
    """
    found: dict[str, str] = {}
    for model, wire, connections in dict.fromkeys(
        (one.model, one.wire, one.loop.connections) for one in closed
    ):
        turns = [
            one
            for one in closed
            if (one.model, one.wire, one.loop.connections) == (model, wire, connections)
        ]
        rates = {
            title: Range.of(turn.loop.per_s for turn in turns if turn.peer == name)
            for name, title in titles.items()
            if any(turn.peer == name for turn in turns)
        }
        title = f"Requests a second: {model}, {wire}, {connections} connections"
        found[f"closed-{model}-{wire}-{connections}"] = bars(title, rates)
    for model in dict.fromkeys(one.model for one in open_):
        found[f"open-{model}"] = curves(f"Answers in time: {model}", _shares(open_, model, titles))
    written = []
    for name, drawn in found.items():
        written.append(folder / f"{name}.svg")
        written[-1].write_text(drawn + "\n", encoding="utf-8")
    return written


def bars(title: str, rates: Mapping[str, Range]) -> str:
    """Return a bar for each server, with its rounds from the slowest to the fastest."""
    left = max(text_width(name, _FONT) for name in rates) + 12
    across = Axis(0.0, max(rate.high for rate in rates.values()) or 1.0, left, _WIDTH - 80)
    parts = [element("style", _STYLE), element("text", title, x=0, y=16)]
    for place, (name, rate) in enumerate(rates.items()):
        y = 30 + place * _ROW
        end, low, high = across.at(rate.median), across.at(rate.low), across.at(rate.high)
        kind = "bar" if place else "bar ours"
        width = max(1.0, end - left)
        parts += [
            element("text", name, x=left - 8, y=y + 16, text_anchor="end"),
            element("rect", x=left, y=y + 3, width=width, height=_ROW - 10, class_=kind),
            element("line", x1=low, x2=high, y1=y + 13, y2=y + 13, class_="whisker"),
            element("text", f"{rate.median:,.0f}", x=high + 6, y=y + 16),
        ]
    told = "; ".join(f"{name} {rate.median:,.0f}" for name, rate in rates.items())
    return _alone(picture("bars", title, told, (_WIDTH, 36 + len(rates) * _ROW), *parts))


def curves(title: str, shares: Mapping[str, Sequence[tuple[float, float]]]) -> str:
    """Return a line for each server: load against answers in time, both of its capacity."""
    points = [point for line in shares.values() for point in line]
    most = max(times for times, _ in points)
    across = Axis(0.0, most * 1.05, 46, _WIDTH - 160)
    up = Axis(0.0, max(1.1, *(share for _, share in points)), 300, 34)
    parts = [element("style", _STYLE), element("text", title, x=0, y=16), *_grid(across, up)]
    ends = sorted((line[-1][1], name) for name, line in shares.items())
    label_y = 330.0
    for place, line in enumerate(shares.values()):
        colour = _COLOURS[place % len(_COLOURS)]
        drawn = " ".join(f"{across.at(x):.1f},{up.at(y):.1f}" for x, y in line)
        dash = _DASHES[place % len(_DASHES)]
        parts.append(element("polyline", points=drawn, stroke=colour, stroke_dasharray=dash))
    for share, name in ends:  # from the bottom, each label clear of the one below
        label_y = min(label_y - 16, up.at(share) + 4)
        colour = _COLOURS[list(shares).index(name) % len(_COLOURS)]
        parts.append(element("text", name, x=_WIDTH - 152, y=label_y, style=f"fill:{colour}"))
    told = "; ".join(f"{name} {line[-1][1]:.0%} at {most:g}" for name, line in shares.items())
    return _alone(picture("curves", title, told, (_WIDTH, 350), *parts))


def _grid(across: Axis, up: Axis) -> list[Markup]:
    parts = []
    for share in up.ticks():
        y = up.at(share)
        parts += [
            element("line", x1=across.start, x2=across.end, y1=y, y2=y, class_="rule"),
            element("text", f"{share:.0%}", x=40, y=y + 4, text_anchor="end", class_="tick"),
        ]
    for times in across.ticks():
        x = across.at(times)
        parts.append(element("text", f"{times:g}", x=x, y=318, text_anchor="middle", class_="tick"))
    middle = (across.start + across.end) / 2
    name = "offered, in multiples of what the server can do"
    return [*parts, element("text", name, x=middle, y=340, text_anchor="middle", class_="tick")]


def _shares(
    found: Sequence[Open], model: str, titles: Mapping[str, str]
) -> dict[str, list[tuple[float, float]]]:
    lines: dict[str, list[tuple[float, float]]] = {}
    for name, title in titles.items():
        turns = [one for one in found if (one.model, one.peer) == (model, name)]
        line = [
            (
                times,
                Range.of(
                    turn.outcome.goodput / turn.capacity for turn in turns if turn.times == times
                ).median,
            )
            for times in sorted({turn.times for turn in turns})
        ]
        if line:
            lines[title] = line
    return lines


def _alone(drawn: Markup) -> str:
    """Return a picture as a file of its own."""
    return str(drawn).replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1)
