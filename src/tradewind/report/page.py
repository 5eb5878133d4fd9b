"""The report as one HTML page that needs nothing but itself."""

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from tradewind.bundle import Manifest
from tradewind.report import (
    facts,
    figures,
    figures_told,
    numbers,
    rooflines,
    sentences,
    spread,
    table,
)
from tradewind.report.chart import tradeoff
from tradewind.report.commands import commands
from tradewind.report.latency_chart import latency_bars
from tradewind.report.marks import MEANINGS, RADIUS, mark
from tradewind.report.roofline_chart import roofline_picture
from tradewind.report.standing import is_certified
from tradewind.report.svg import element

WIDE, NARROW = 720.0, 360.0
"""Widths of the two renderings of a picture; the style sheet shows the one that fits."""


def page(manifest: Manifest) -> str:
    """Return the report of a search.

    It refers to nothing outside itself, runs no scripts, and escapes every text of the manifest.
    """
    environment = Environment(
        loader=PackageLoader("tradewind.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("page.html").render(
        manifest=manifest,
        commands=commands(manifest),
        is_certified=is_certified(manifest.chosen),
        is_original=manifest.chosen.variant == manifest.baseline.variant,
        figures=figures,
        facts=facts,
        told=figures_told.told(manifest),
        numbers=numbers,
        sentences=sentences,
        headings=table.headings(manifest),
        rows=table.rows(manifest),
        legend=_legend(),
        kept=spread.kept(manifest),
        tradeoff=_tradeoff(manifest),
        bars=_bars(manifest),
        rooflines=rooflines,
        limits=_limits(manifest),
    )


def _tradeoff(manifest: Manifest) -> list[Markup]:
    """Return the wide and the narrow picture; nothing when no cost was measured."""
    scene = figures.scene(manifest)
    if scene is None:
        return []
    return [
        tradeoff(scene, "tradeoff-wide", (WIDE, 400.0)),
        tradeoff(scene, "tradeoff-narrow", (NARROW, 360.0)),
    ]


def _bars(manifest: Manifest) -> list[Markup]:
    """Return the wide and the narrow picture; nothing when no latency was measured."""
    bars, limit = figures.bars(manifest), manifest.budget.max_latency_ms
    if not bars:
        return []
    return [
        latency_bars(bars, "latency-wide", WIDE, limit),
        latency_bars(bars, "latency-narrow", NARROW, limit),
    ]


def _limits(manifest: Manifest) -> list[Markup]:
    """Return the wide and the narrow picture; nothing when no layer can be drawn."""
    places, roofs = rooflines.places(manifest), rooflines.roofs(manifest)
    if not (places and roofs):
        return []
    return [
        roofline_picture(places, roofs, "limits-wide", (WIDE, 420.0)),
        roofline_picture(places, roofs, "limits-narrow", (NARROW, 380.0)),
    ]


def _legend() -> list[tuple[Markup, str]]:
    side = 3 * RADIUS
    found = []
    for role, meaning in MEANINGS.items():
        shape = mark(role, side / 2, side / 2)
        box = f"0 0 {side:g} {side:g}"
        found.append((element("svg", shape, viewBox=box, aria_hidden="true"), meaning))
    return found
