"""How far variants are from the machine's limit, as the report shows it."""

import math
from dataclasses import replace

import pytest
from tests.report.test_page import Reader

from tradewind.bundle import Manifest
from tradewind.measure.roofline import GroupLoad, LayerGroup, Peaks, Rate, Roofline, Standings
from tradewind.report import page, rooflines
from tradewind.report.roofline_chart import Place, Roof, roofline_picture

PEAKS = Peaks(
    {"f32": Rate(100e9, 90e9), "bf16": Rate(110e9, 90e9), "int8": Rate(400e9, 300e9)},
    Rate(20e9, 15e9),
    Rate(150e9, 140e9),
    32 * 2**20,
)


def _roofline(arithmetic: str, took_ms: float | None) -> Roofline:
    conv = GroupLoad(LayerGroup.CONVOLUTION, 10**8, 10**6, arithmetic, 1.0, took_ms)
    rest = GroupLoad(LayerGroup.MOVEMENT, 0, 10**5, "f32", 0.01, took_ms and took_ms / 10)
    whole = None if took_ms is None else took_ms * 1.2
    return Roofline(1, 1.01, (conv, rest), whole)


def _with(manifest: Manifest, took_ms: float | None = 2.0, name: str = "") -> Manifest:
    variants = {
        manifest.baseline.variant: _roofline("f32", 2.0),
        name or manifest.chosen.variant: _roofline("int8", took_ms),
    }
    return replace(manifest, roofline=Standings(PEAKS, variants))


def test_a_report_without_measurements_says_nothing_of_limits(good: Manifest) -> None:
    assert "machine's limit" not in page(good)


def test_a_report_says_how_far_both_are_from_the_limit(good: Manifest) -> None:
    told = rooflines.summary(_with(good))
    assert told == (
        "int8-nncf-openvino answers at 42% of this machine's limit, the original at 42% of its own."
    )
    assert told in "".join(Reader(page(_with(good))).text)


def test_the_picture_shows_what_multiplies(good: Manifest) -> None:
    found = rooflines.places(_with(good))
    assert [(one.name, one.role) for one in found] == [
        ("convolution", "chosen"),
        ("convolution", "original"),
    ]
    assert found[0].intensity == pytest.approx(100)
    assert found[0].macs_per_s == pytest.approx(10**8 / 2e-3)
    roofs = rooflines.roofs(_with(good))
    assert [one.name for one in roofs] == ["f32", "int8", "cache", "memory"]  # none in bf16


@pytest.mark.parametrize("took_ms", [None, 0.0, math.nan, math.inf, 1e-12, 1e12])
def test_odd_times_break_no_page(good: Manifest, took_ms: float | None) -> None:
    _check_page(_with(good, took_ms))


def test_any_manifest_may_have_limits(any_manifest: Manifest) -> None:
    _check_page(_with(any_manifest))


def _check_page(manifest: Manifest) -> None:
    found = Reader(page(manifest))
    assert found.open == []
    assert found.outside == []
    assert len(set(found.ids)) == len(found.ids)


def test_names_of_variants_are_escaped(good: Manifest) -> None:
    name = "<script>alert(1)</script>"
    renamed = replace(good, chosen=replace(good.chosen, variant=name))
    text = page(_with(renamed, name=name))
    assert "<script" not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;, convolution" in text  # its tooltip


def test_marks_stay_in_the_picture_whatever_the_machine() -> None:
    roofs = [Roof("f32", 1e6, False), Roof("cache", 1e15, True), Roof("memory", 1e3, True)]
    places = [Place("dense", "chosen", 1e-6, 1e3, "a"), Place("dense", "original", 1e9, 1e12, "b")]
    for size in ((720.0, 420.0), (360.0, 380.0)):
        assert Reader(roofline_picture(places, roofs, "a", size)).outside == []
