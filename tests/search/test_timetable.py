"""Time that certifying and timing do not need goes to variants."""

from dataclasses import astuple, replace

import numpy as np
import pytest
from tests.search.stage import Clock, baseline, job

from tradewind.budget import Budget
from tradewind.search.settings import SearchSettings
from tradewind.search.timetable import SHARES, certified_until, original_until, timetable


@pytest.mark.parametrize("effort", list(SHARES))
@pytest.mark.parametrize("time_s", [5.0, 60.0, 300.0, 7200.0])
@pytest.mark.parametrize("example_s", [1e-6, 1e-3, 1.0])
@pytest.mark.parametrize("objective", ["latency", "throughput"])
def test_no_stage_ends_before_its_share_or_after_the_next(
    effort: str, time_s: float, example_s: float, objective: str
) -> None:
    settings = SearchSettings(time_s, effort)  # type: ignore[arg-type]
    budget = Budget(objective=objective)  # type: ignore[arg-type]
    found = timetable(
        replace(job(budget=budget), settings=settings),
        replace(baseline(), example_s=example_s, latency_s=example_s),
    )
    ends = astuple(found)
    least = astuple(SHARES[settings.effort])
    assert np.all(np.diff(ends) >= 0)
    assert np.all(np.greater_equal(ends, least) | np.isclose(ends, least))
    if budget.decides_under_load:
        assert found.settled == found.cascaded  # each load was settled when it was looked at
    else:
        assert np.all(np.diff(ends) > 0)
    assert found.timed == SHARES[settings.effort].timed


def test_what_is_certified_soon_leaves_its_time_to_variants() -> None:
    cheap = replace(baseline(), example_s=1e-5, latency_s=1e-5)
    found = timetable(job(time_s=300.0), cheap)
    assert found.screened > SHARES["normal"].screened + 0.1
    dear = replace(cheap, example_s=0.1, latency_s=0.1)
    assert timetable(job(time_s=300.0), dear) == SHARES["normal"]


def test_what_takes_long_to_certify_is_given_that_time() -> None:
    work = job(time_s=300.0)
    slow = replace(baseline(), example_s=0.01, latency_s=0.001)
    found = timetable(work, slow)
    assert (found.certified - found.settled) * 300.0 >= 2 * 0.01 * len(work.splits.certify)


def test_tests_of_a_quick_variant_leave_more_time_to_others() -> None:
    work = replace(job(budget=Budget(objective="throughput")), settings=SearchSettings(60.0))
    # all tests by the original's time would take a sixth of the search
    slow = replace(baseline(), example_s=4.0 / len(work.splits.certify), latency_s=1e-3)
    before = timetable(work, slow)
    quick = timetable(work, slow, replace(slow, example_s=0.1 * slow.example_s))
    assert quick.screened > before.screened + 0.02
    assert timetable(work, slow, replace(slow, example_s=0.9 * slow.example_s)) == before


def test_a_clear_gain_is_timed_for_less_long_where_time_is_short() -> None:
    original = replace(baseline(), example_s=1e-3, latency_s=1e-3)
    clear, unclear = (
        replace(original, example_s=share * 1e-3, latency_s=share * 1e-3) for share in (0.6, 0.7)
    )
    hurried = replace(job(time_s=60.0), settings=SearchSettings(60.0))
    assert (
        timetable(hurried, original, clear).certified
        > timetable(hurried, original, unclear).certified
    )
    at_leisure = replace(job(time_s=600.0), settings=SearchSettings(600.0))
    before, after = (timetable(at_leisure, original, one).certified for one in (clear, unclear))
    assert before == after


def test_tests_come_before_the_race_where_variants_took_too_long() -> None:
    clock = Clock(now=0.0)
    work, shares = job(time_s=100.0, clock=clock), SHARES["normal"]
    original = replace(baseline(), example_s=4.0 / len(work.splits.certify))
    one = replace(original, example_s=original.example_s / 4, ready_s=2.0)

    def until(now: float, count: int) -> float:
        clock.now = now
        return certified_until(work, shares, original, [one] * count)

    assert until(0.0, 3) == pytest.approx(80.0)
    # the original and what it takes to compile it, then each variant: 4 + 1 + n * (1 + 2) seconds
    assert until(76.0, 0) == pytest.approx(76.0 + 1.3 * 5.0)
    assert until(76.0, 2) == pytest.approx(76.0 + 1.3 * 11.0)
    assert until(76.0, 9) == pytest.approx(76.0 + 1.3 * 11.0)  # the race keeps 12 seconds
    assert until(64.0, 3) == pytest.approx(64.0 + 1.3 * 14.0)
    assert until(64.0, 9) == pytest.approx(83.0)
    assert until(89.0, 3) == pytest.approx(91.0)
    assert until(99.0, 3) == pytest.approx(100.0)


def test_the_original_leaves_time_to_those_that_are_tested() -> None:
    slow = replace(baseline(), example_s=0.01)
    assert original_until(10.0, 40.0, slow, 1000) == pytest.approx(23.0)  # 1.3 times what it needs
    assert original_until(10.0, 40.0, slow, 100) == pytest.approx(20.0)
    assert original_until(10.0, 40.0, slow, 10_000) == pytest.approx(28.0)
