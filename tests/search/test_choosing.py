from typing import get_args

import pytest
from tests.search.stage import baseline, job, numbered, trial

from tradewind.budget import Budget, Objective
from tradewind.bundle import Percentiles
from tradewind.evidence import PairedCounts, certify_with_labels
from tradewind.measure import Ratio
from tradewind.search.choosing import choose, why_nothing
from tradewind.search.trials import Trial

EVEN = Ratio(1.0, 0.9, 1.1)


def _original(p99: float = 10.0, memory_mb: float = 100.0) -> Trial:
    found = baseline()
    found.percentiles = Percentiles(p99 / 2, p99)
    found.peak_memory_bytes = int(memory_mb * 1e6)
    return found


def _timed(
    name: str, gain: Ratio, *, p99: float = 5.0, memory_mb: float = 100.0, worse: int = 0
) -> Trial:
    found = trial(name)
    found.percentiles = Percentiles(p99 / 2, p99)
    found.peak_memory_bytes = int(memory_mb * 1e6)
    found.speedup = found.throughput_gain = found.energy_gain = found.memory_gain = gain
    found.core_gain = gain
    found.certificate = certify_with_labels(PairedCounts(5000, worse, 0), 0.01, 0.95)
    return found


def test_the_largest_certain_gain_wins() -> None:
    some = _timed("some", Ratio(2.0, 1.9, 2.1))
    most = _timed("most", Ratio(3.0, 2.0, 4.0))
    chosen, reason = choose(Budget(), [_original(), some, most])
    assert chosen is most
    assert reason == (
        "answers one request 3.00 times sooner than the original, and keeps the promise"
    )
    assert some.refusals == ["keeps the promise, but most gains more"]


@pytest.mark.parametrize(
    "gain", [Ratio(1.4, 0.99, 2.0), Ratio(1.0, 1.0, 1.2), Ratio(0.5, 0.4, 0.6), Ratio(1.2, 0, 9e9)]
)
def test_an_interval_that_touches_one_is_no_gain(gain: Ratio) -> None:
    original, maybe = _original(), _timed("maybe", gain)
    chosen, reason = choose(Budget(), [original, maybe])
    assert chosen is original
    assert "by more than the noise" in reason
    assert maybe.refusals[0].startswith("no certain gain")


@pytest.mark.parametrize("objective", get_args(Objective))
def test_only_the_objective_counts(objective: Objective) -> None:
    one, other = _timed("one", EVEN), _timed("other", Ratio(5.0, 4.0, 6.0))
    named = {"latency": "speedup", "carbon": "energy_gain", "cost": "core_gain"}
    setattr(one, named.get(objective, f"{objective}_gain"), Ratio(2.0, 1.5, 2.5))
    setattr(other, named.get(objective, f"{objective}_gain"), EVEN)
    chosen, reason = choose(Budget(objective=objective), [_original(), one, other])
    assert chosen is one
    assert "2.00 times" in reason


def test_a_variant_above_the_latency_limit_is_refused() -> None:
    fast = _timed("fast", Ratio(3, 2, 4), p99=8.0)
    good = _timed("good", Ratio(2, 1.5, 3), p99=4.0)
    chosen, _ = choose(Budget(max_latency_ms=5.0), [_original(), fast, good])
    assert chosen is good
    assert fast.refusals == ["p99 of 8.00 ms is above the 5 ms allowed"]


def test_a_variant_above_the_memory_limit_is_refused() -> None:
    large = _timed("large", Ratio(3, 2, 4), memory_mb=300)
    good = _timed("good", Ratio(2, 1.5, 3))
    chosen, _ = choose(Budget(max_memory_mb=200), [_original(), large, good])
    assert chosen is good
    assert large.refusals == ["peak memory of 300 MB is above the 200 MB allowed"]


def test_when_nothing_keeps_the_limits_the_reason_says_so() -> None:
    original = _original(p99=10.0)
    chosen, reason = choose(Budget(max_latency_ms=1), [original, _timed("one", Ratio(3, 2, 4))])
    assert chosen is original
    assert reason.startswith("nothing keeps every promise, not even the original: p99 of 10.00")


def test_memory_that_was_not_measured_keeps_no_limit() -> None:
    unknown = _timed("unknown", Ratio(3, 2, 4))
    unknown.peak_memory_bytes = None
    original = _original()
    chosen, _ = choose(Budget(max_memory_mb=200), [original, unknown])
    assert chosen is original


def test_an_exact_variant_needs_no_certificate() -> None:
    exact = trial("exact", is_exact=True)
    exact.percentiles, exact.speedup = Percentiles(1, 2), Ratio(2, 1.5, 2.5)
    chosen, reason = choose(Budget(), [_original(), exact])
    assert chosen is exact
    assert "the same graph in the same arithmetic" in reason


def test_an_exact_variant_that_lost_too_much_is_not_chosen() -> None:
    # as a tight `within:` tolerance makes of rounding alone
    exact = trial("exact", is_exact=True)
    exact.percentiles, exact.speedup = Percentiles(1, 2), Ratio(2, 1.5, 2.5)
    exact.certificate = certify_with_labels(PairedCounts(5000, 400, 0), 0.01, 0.95)
    original = _original()
    chosen, _ = choose(Budget(), [original, exact])
    assert chosen is original


def test_with_nothing_but_the_original_the_reason_says_so() -> None:
    original = _original()
    chosen, reason = choose(Budget(), [original])
    assert chosen is original
    assert reason == "nothing cheaper could be certified; the original is served as it is"


@pytest.mark.parametrize(
    ("looked", "tested", "told"),
    [
        (0, 0, ": time ran out before any variant was looked at"),
        (3, 0, ": none of the 3 variants looked at was worth a test before time ran out"),
        (3, 1, ": time ran out before more could be tested"),
    ],
)
def test_where_nothing_was_certified_it_is_said_how_far_the_search_came(
    looked: int, tested: int, told: str
) -> None:
    assert why_nothing(job(), looked, tested, is_complete=False) == told
    assert why_nothing(job(), looked, tested, is_complete=True) == ""


def test_too_few_examples_are_told_before_anything_else() -> None:
    few = job(numbered(300), Budget(max_drop=0.01))
    told = why_nothing(few, 3, 0, is_complete=False)
    assert told.startswith(f": {len(few.splits.certify)} examples were left to certify on")
    assert "at least 299 are needed for a 1.00% budget at 95%" in told
