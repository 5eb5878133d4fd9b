"""Energy, carbon and money as they are shown."""

from dataclasses import replace

import pytest
from tests.report.test_terminal import flat, printed

from tradewind.budget import Budget, Objective
from tradewind.bundle import Manifest, read_manifest
from tradewind.measure import Bounds, Footprint, Prices, rates
from tradewind.report import page

ESTIMATED = Footprint(
    energy_wh=Bounds(123.4, 61.7, 246.8),
    is_estimated=True,
    carbon_g=Bounds(47.0, 23.5, 94.0),
    core_hours=28.2,
    money=1.41,
)
MEASURED = replace(
    ESTIMATED, is_estimated=False, energy_wh=Bounds(123.4, 120.0, 125.6), above_idle_wh=88.8
)


def priced(
    manifest: Manifest, objective: Objective, prices: Prices, found: Footprint = ESTIMATED
) -> Manifest:
    """Return the manifest with a footprint of its chosen variant."""
    chosen = replace(manifest.chosen, footprint=found)
    others = [one for one in manifest.variants if one.variant != chosen.variant]
    counters = () if found.is_estimated else ("0", "0 memory")
    return replace(
        manifest,
        budget=Budget(objective=objective),
        chosen=chosen,
        variants=(*others, chosen),
        rates=rates(prices, "AMD EPYC 7763", counters, 33.3 if counters else None),
    )


@pytest.mark.parametrize(
    ("objective", "prices", "values"),
    [
        ("energy", Prices(), "energy|123 Wh|61.7 to 247|estimated"),
        ("carbon", Prices(), "carbon|47.0 g|23.5 to 94.0|estimated"),
        ("latency", Prices("DE"), "carbon|47.0 g|Germany|381 g/kWh"),
        ("latency", Prices(price_per_core_hour=0.05), "cost|1.41"),
        ("cost", Prices(), "core time|28.2 core h"),
    ],
)
@pytest.mark.parametrize("width", [80, 120])
def test_the_table_shows_what_was_asked_for(
    good: Manifest, objective: Objective, prices: Prices, values: str, width: int
) -> None:
    text = printed(priced(good, objective, prices), width)
    said = text + flat(text)
    assert [value for value in values.split("|") if value not in said] == []
    assert "estimated, not measured" in flat(text).lower()
    assert max(map(len, text.splitlines())) <= width


def test_long_names_end_their_lines_at_hyphens(good: Manifest) -> None:
    name = "50-of-channels-int8-u8s8-mse-openvino"
    chosen = replace(good.chosen, variant=name)
    variants = tuple(chosen if one.variant == good.chosen.variant else one for one in good.variants)
    found = priced(
        replace(good, chosen=chosen, variants=variants), "cost", Prices(price_per_core_hour=0.05)
    )
    below = printed(found, 80).partition("a million")[2]
    lines = [line.split("  ")[0].strip() for line in below.splitlines() if line.startswith("> 50-")]
    assert lines
    assert all(line.endswith("-") or line.endswith(name) for line in lines)
    assert not any(line.strip() == ">" for line in below.splitlines())


def test_what_was_not_asked_for_stays_out_of_the_table(good: Manifest) -> None:
    text = printed(priced(good, "latency", Prices(), replace(ESTIMATED, money=None)), 80)
    assert "Wh" not in text
    assert "estimated" not in text


def test_a_measured_energy_is_not_called_an_estimate(good: Manifest) -> None:
    text = printed(priced(good, "energy", Prices(), MEASURED), 80)
    assert "120 to 126" in text
    assert "estimated" not in text
    assert "Measured by the counters of 0, 0 memory" in flat(text)
    assert "33.3 W of it are drawn at rest" in flat(text)


def test_the_page_says_what_is_estimated_and_from_what(good: Manifest) -> None:
    text = page(priced(good, "latency", Prices("FR")))
    for part in ("61.7 to 247, estimated", "g a million", "EPYC 7763", "France", "Cooling"):
        assert part in text
    assert "Wh a million" not in page(good)


def test_footprints_are_read_again_as_they_were_written(good: Manifest) -> None:
    found = priced(good, "energy", Prices("DE", 0.05, 7.5))
    open_ended = replace(MEASURED, energy_wh=Bounds(1.0, 0.0, float("inf")))
    found = replace(found, baseline=replace(found.baseline, footprint=open_ended))
    assert read_manifest(found.to_json(), "here") == found
    assert read_manifest(good.to_json(), "here").rates is None
