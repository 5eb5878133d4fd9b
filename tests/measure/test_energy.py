import json

import msgspec
import numpy as np
import pytest

from tradewind.errors import SettingError
from tradewind.measure import Bounds, Footprint, Prices, Rates, Timing, footprint, rates
from tradewind.measure.energy.regions import region_of
from tradewind.measure.energy.watts import power_of
from tradewind.measure.timing import Turn

UNKNOWN_CPU = "Mill 1"


def _load(cpu_s: float, wall_s: float, joules: float | None = None, rounds: int = 9) -> Timing:
    """Return turns of two calls each, which take that long together."""
    return Timing([Turn(np.full(2, wall_s / 2), wall_s, cpu_s, joules)] * rounds)


def _ends(found: Bounds) -> tuple[float, float, float]:
    return found.value, found.low, found.high


def test_without_a_counter_energy_is_processor_time_times_the_power_that_was_stated() -> None:
    known = rates(Prices("500", 0.36, watts_per_core=10), UNKNOWN_CPU)
    found = footprint(_load(cpu_s=0.72, wall_s=0.36), 2, known)
    # 0.18 s of processor time for each of a million examples is 50 hours
    assert found.is_estimated
    assert _ends(found.energy_wh) == pytest.approx((500, 500, 500))
    assert found.carbon_g.value == pytest.approx(250)
    assert found.core_hours == pytest.approx(50)
    assert found.money == pytest.approx(18)
    assert found.above_idle_wh is None


def test_a_core_that_waits_is_paid_for_but_heats_nothing() -> None:
    known = rates(Prices(price_per_core_hour=1.0, watts_per_core=10), UNKNOWN_CPU)
    found = footprint(_load(cpu_s=0.036, wall_s=0.36), 1, known)
    assert found.core_hours == pytest.approx(50)
    assert found.energy_wh.value == pytest.approx(50)


def test_a_counter_is_believed_with_and_without_idle_power() -> None:
    known = rates(Prices("1000"), UNKNOWN_CPU, ("0",), idle_watts=10)
    found = footprint(_load(cpu_s=9, wall_s=0.36, joules=7.2), 1, known)
    # 3.6 J for each call, of which 10 W * 0.18 s are drawn at rest
    assert not found.is_estimated
    assert _ends(found.energy_wh) == pytest.approx((1000, 1000, 1000))
    assert found.carbon_g.value == pytest.approx(1000)
    assert found.above_idle_wh == pytest.approx(500)


def test_a_counter_that_failed_in_one_round_is_not_used() -> None:
    load = _load(cpu_s=0.36, wall_s=0.36, joules=7.2)
    load.turns.append(_load(cpu_s=0.36, wall_s=0.36).turns[0])
    known = rates(Prices(watts_per_core=2), UNKNOWN_CPU, ("0",), idle_watts=10)
    found = footprint(load, 1, known)
    assert found.is_estimated
    assert found.energy_wh.value == pytest.approx(100)


def test_the_interval_of_measured_energy_is_that_of_its_median(random: np.random.Generator) -> None:
    joules = random.random(60) + 1
    load = Timing([Turn(np.ones(1), 1.0, 1.0, float(one)) for one in joules])
    found = footprint(load, 1, rates(Prices(), UNKNOWN_CPU, ("0",))).energy_wh
    ordered = np.sort(joules) * 1e6 / 3600
    assert (found.low, found.high) == pytest.approx((ordered[21], ordered[-22]))


@pytest.mark.parametrize(
    ("cpu", "watts"),
    [
        ("Intel(R) Xeon(R) Platinum 8375C CPU @ 2.90GHz", 300 / 32),
        ("Intel(R) Xeon(R) CPU E5-2680 v4 @ 2.40GHz", 120 / 14),
        ("AMD EPYC 7763 64-Core Processor", 280 / 64),
        ("AMD Ryzen 9 5950X 16-Core Processor", 105 / 16),
        ("Intel(R) Core(TM) i7-8700K CPU @ 3.70GHz", 95 / 6),
        ("11th Gen Intel(R) Core(TM) i7-1165G7 @ 2.80GHz", 28 / 4),
    ],
)
def test_a_known_processor_has_the_power_of_its_design(cpu: str, watts: float) -> None:
    found = power_of(cpu)
    assert _ends(found.watts) == pytest.approx((watts, watts / 2, watts * 2))
    assert "not known" not in found.source


@pytest.mark.parametrize("cpu", ["AMD EPYC", "Intel(R) Xeon(R) Processor @ 2.60GHz", UNKNOWN_CPU])
def test_a_processor_that_is_not_known_has_the_range_of_all_of_its_make(cpu: str) -> None:
    found, known = power_of(cpu), power_of("AMD EPYC 7763").watts
    assert "not known" in found.source
    assert 0 < found.watts.low < found.watts.value < found.watts.high
    assert found.watts.high / found.watts.low > known.high / known.low


@pytest.mark.parametrize("code", ["DE", "deu", " De "])
def test_a_region_is_found_by_either_code(code: str) -> None:
    assert region_of(code).name == "Germany"
    assert region_of("FR").g_per_kwh < region_of(code).g_per_kwh < region_of("PL").g_per_kwh


def test_a_region_may_be_a_number_and_the_default_is_the_world() -> None:
    assert region_of("12.5").g_per_kwh == 12.5
    assert region_of(Prices().region).name == "the world"
    assert 300 < region_of("world").g_per_kwh < 600


@pytest.mark.parametrize("text", ["XX", "", "-1", "nan", "inf", "Germany"])
def test_an_unknown_region_is_refused_with_what_would_do(text: str) -> None:
    with pytest.raises(SettingError, match="DE"):
        Prices(text)


@pytest.mark.parametrize("value", [0.0, -1.0, float("nan"), float("inf")])
def test_prices_are_above_zero(value: float) -> None:
    with pytest.raises(SettingError, match="--price-per-core-hour"):
        Prices(price_per_core_hour=value)
    with pytest.raises(SettingError, match="--watts-per-core"):
        Prices(watts_per_core=value)


def test_rates_and_footprints_survive_json() -> None:
    known = rates(Prices("DE", 0.05), "AMD EPYC 7763", ("0",), 12.5)
    found = footprint(_load(0.1, 0.2, 3.0), 4, known)
    assert msgspec.convert(json.loads(msgspec.json.encode(known)), Rates) == known
    assert msgspec.convert(json.loads(msgspec.json.encode(found)), Footprint) == found
