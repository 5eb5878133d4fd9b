"""Figures beside the promise, and what they are called."""

from dataclasses import replace

from tests.report.test_terminal import flat, printed

from tradewind.bundle import Manifest, read_manifest
from tradewind.evidence import Resampled, Spread
from tradewind.measure import Reported
from tradewind.report import page

AUC = Reported(
    "auc",
    7_700,
    Resampled(
        Spread(0.9812, 0.979, 0.983), Spread(0.9801, 0.977, 0.982), Spread(0.0011, -0.0004, 0.0026)
    ),
)


def test_a_reported_figure_is_called_not_certified_everywhere(good: Manifest) -> None:
    manifest = replace(good, chosen=replace(good.chosen, reported=(AUC,)))
    for text in (flat(printed(manifest, 80)), page(manifest)):
        assert "0.9801 (0.9770 to 0.9820), not certified" in text
        assert "lost 0.0011 (-0.0004 to 0.0026)" in text
        assert "95% bootstrap intervals on 7,700 examples" in text
    assert b'"certified": false' in manifest.to_json().partition(b'"reported"')[2]
    assert read_manifest(manifest.to_json(), "here") == manifest


def test_nothing_is_said_where_nothing_was_asked(good: Manifest) -> None:
    assert "Reported" not in printed(good, 80)
    assert "Reported beside" not in page(good)
