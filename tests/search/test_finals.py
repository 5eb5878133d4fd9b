import numpy as np
from tests.search.stage import baseline, job, trial

from tradewind.engines import OnnxRuntime
from tradewind.evidence import PairedCounts, certify_with_labels
from tradewind.measure import paired_ratio, rounds_needed
from tradewind.search.costs import cost_of
from tradewind.search.finals import MAX_FINALISTS, confidence_of_each, finalists, race
from tradewind.search.plans import Plan
from tradewind.search.probing import make_inputs
from tradewind.search.trials import Trial


def _certified(name: str, latency_s: float, *, is_exact: bool = False) -> Trial:
    found = trial(name, latency_s, is_exact=is_exact)
    found.certificate = certify_with_labels(PairedCounts(5000, 0, 0), 0.01, 0.95)
    return found


def _failed(name: str, latency_s: float, *, is_exact: bool = False) -> Trial:
    found = trial(name, latency_s, is_exact=is_exact)
    found.certificate = certify_with_labels(PairedCounts(100, 0, 0), 0.01, 0.95)
    found.refusals.append("not certified")
    return found


def test_the_baseline_is_first() -> None:
    original = baseline()
    assert finalists(original, [], cost_of(job())) == [original]


def test_without_a_certificate_a_lossy_variant_never_enters() -> None:
    original = baseline()
    assert finalists(original, [_failed("one", 0.1), trial("two", 0.1)], cost_of(job())) == [
        original
    ]


def test_the_cheapest_exact_variant_enters_without_a_certificate() -> None:
    original, slow = baseline(), _failed("slow", 0.9, is_exact=True)
    fast = _failed("fast", 0.4, is_exact=True)
    assert finalists(original, [slow, fast], cost_of(job())) == [original, fast]


def test_the_cheapest_certified_variants_enter() -> None:
    trials = [_certified(str(number), number / 10) for number in range(9, 0, -1)]
    found = finalists(baseline(), trials, cost_of(job()))
    assert [one.name for one in found[1:]] == [str(n) for n in range(1, MAX_FINALISTS + 1)]


def test_the_best_in_something_else_enters_in_place_of_the_last() -> None:
    trials = [_certified(str(number), number / 10) for number in range(1, 8)]
    trials[6].cpu_s = 0.01
    found = finalists(baseline(), trials, cost_of(job()))
    assert [one.name for one in found[1:]] == ["1", "2", "7", "3"]


def test_a_certified_variant_that_is_not_timed_is_told_why() -> None:
    trials = [_certified(str(number), number / 10) for number in range(1, 8)]
    entrants = finalists(baseline(), trials, cost_of(job()))
    left = [one for one in trials if one not in entrants]
    assert left
    assert all(one.refusals for one in left)


def test_the_race_compares_everybody_with_the_baseline() -> None:
    work = job()
    inputs = make_inputs(work.dataset.take, work.splits.calibrate, None)
    original, same = baseline(), _certified("same", 0.9, is_exact=True)
    original.plan = same.plan = Plan.alone(original.plan.last.graph, OnnxRuntime())
    race(work, [original, same], inputs, until=0.0)
    assert original.percentiles is not None
    assert original.speedup is None
    assert same.speedup is not None
    assert same.throughput_gain is not None
    # the same program: an interval that is far from 1 would be a mistake, not noise
    assert same.speedup.low < 1.5
    assert same.speedup.high > 0.67
    assert np.isfinite(same.speedup.high)


def test_a_field_of_equals_has_no_winner_more_often_than_promised(
    random: np.random.Generator,
) -> None:
    repeats, rounds, rivals = 2_000, 30, 5
    sure = confidence_of_each(rivals)
    claims = 0
    for _ in range(repeats):
        # each entrant's turn has a moment of its own; one state drifts under all of a round
        state = np.cumsum(random.standard_normal(rounds)) * 0.3
        times = np.exp(state)[:, None] * (1 + random.pareto(1.5, (rounds, rivals + 1)))
        found = [paired_ratio(times[:, 0], times[:, one], sure) for one in range(1, rivals + 1)]
        claims += any(ratio.is_better for ratio in found)
    # five standard errors of a share of 2,000 are passed once in millions
    assert claims / repeats < 0.05 + 5 * np.sqrt(0.05 * 0.95 / repeats)


def test_the_least_number_of_rounds_gives_every_rival_an_interval() -> None:
    for rivals in range(1, 9):
        sure = confidence_of_each(rivals)
        rounds = rounds_needed(sure)
        assert paired_ratio(np.full(rounds, 2.0), np.ones(rounds), sure).is_better
        assert not paired_ratio(np.full(rounds - 1, 2.0), np.ones(rounds - 1), sure).is_better
