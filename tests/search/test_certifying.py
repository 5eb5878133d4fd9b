from dataclasses import replace

import numpy as np
import pytest
from tests.search.stage import Clock, baseline, job, numbered, trial

from tradewind.budget import Budget
from tradewind.data import ArrayDataset
from tradewind.evidence import (
    Paired,
    PairedCounts,
    PairedLosses,
    certify_agreement,
    certify_with_labels,
)
from tradewind.runners import Margin, Scores
from tradewind.search.certifying import (
    Certifier,
    affordable,
    certify,
    order,
    why_uncertified,
)
from tradewind.search.plans import Plan
from tradewind.search.progress import Silence
from tradewind.search.trials import Trial

COUNT = 4000


def _certified(work: object, trials: list[Trial], until: float = 800.0) -> Certifier:
    certifier = Certifier(work, baseline(), until)  # type: ignore[arg-type]
    certifier.run(trials, Silence())
    return certifier


def test_the_safest_comes_first() -> None:
    fast = trial("fast", 0.1, select=PairedCounts(1000, 9, 5))
    middle = trial("middle", 0.3, select=PairedCounts(1000, 6, 4))
    safe = trial("safe", 0.6, select=PairedCounts(1000, 0, 0))
    exact = trial("exact", 0.9, is_exact=True)
    assert order(job(), baseline(), [fast, exact, safe, middle]) == [exact, safe, middle, fast]


def test_luck_on_the_select_split_does_not_come_first() -> None:
    lucky = trial("lucky", 0.5, select=PairedCounts(200, 1, 4))
    close = trial("close", 0.9, select=PairedCounts(200, 0, 0))
    assert order(job(), baseline(), [lucky, close]) == [close, lucky]


@pytest.mark.parametrize(
    "seen", [PairedCounts(240, 0, 0), PairedLosses(np.zeros(240))], ids=["labels", "losses"]
)
def test_a_cascade_follows_what_lost_as_little_alone(seen: Paired) -> None:
    alone = trial("alone", 0.5, select=seen)
    cascade = trial("cascade", 0.2, select=seen)
    stage = cascade.plan.last
    cascade.plan = Plan((stage, stage), (Margin(Scores("scores"), 0.9),))
    assert order(job(), baseline(), [cascade, alone]) == [alone, cascade]


def test_a_variant_that_is_beaten_in_both_is_told_by_which() -> None:
    good = trial("good", 0.2, select=PairedCounts(1000, 0, 0))
    bad = trial("bad", 0.5, select=PairedCounts(1000, 4, 0))
    assert order(job(), baseline(), [bad, good]) == [good]
    assert bad.refusals == ["good is as safe and costs less"]


def test_what_is_by_far_the_best_in_something_else_is_tested_too() -> None:
    quick = trial("quick", 0.2, select=PairedCounts(1000, 9, 5))
    steady = trial("steady", 0.6, select=PairedCounts(1000, 6, 4))
    safe = trial("safe", 0.5, select=PairedCounts(1000, 0, 0))
    original = baseline()
    quick.example_s = safe.example_s = original.example_s = 0.01
    steady.example_s = 0.001
    assert order(job(), original, [quick, steady, safe]) == [safe, steady, quick]
    assert steady.refusals == []


def test_what_is_riskier_than_all_that_must_be_tested_is_not_tested_for_other_wishes() -> None:
    quick = trial("quick", 0.2, select=PairedCounts(1000, 0, 0))
    risky = trial("risky", 0.6, select=PairedCounts(1000, 9, 5))
    original = baseline()
    quick.example_s = original.example_s = 0.01
    risky.example_s = 0.001
    assert order(job(), original, [quick, risky]) == [quick]


def test_other_wishes_take_no_time_that_is_short() -> None:
    quick = trial("quick", 0.2, select=PairedCounts(1000, 9, 5))
    steady = trial("steady", 0.6, select=PairedCounts(1000, 6, 4))
    safe = trial("safe", 0.5, select=PairedCounts(1000, 0, 0))
    quick.example_s = safe.example_s = 1.0
    steady.example_s = 0.5
    assert order(job(), baseline(), [quick, steady, safe]) == [safe, quick]


def test_what_gains_little_leaves_short_time_to_what_gains_much() -> None:
    work, original = job(), baseline()
    exact = trial("exact", 0.9, is_exact=True)
    good = trial("good", 0.5, select=PairedCounts(1000, 0, 0))
    risky = trial("risky", 0.2, select=PairedCounts(1000, 9, 0))
    each_s = 10.0
    for one in (original, exact, good, risky):
        one.example_s = each_s / len(work.splits.certify)
    queue = [exact, good, risky]
    assert affordable(work, original, queue, 40.5) == queue
    assert exact.refusals == []
    assert affordable(work, original, queue, 35.0) == [good, risky]
    assert exact.refusals == ["not tested: time ran out, and good gains more"]
    # nothing that is likely to pass is cheaper than the good one
    assert affordable(work, original, queue, 5.0) == [good, risky]
    assert good.refusals == []


def test_a_variant_without_gain_is_told_so() -> None:
    slow = trial("slow", 1.2)
    assert order(job(), baseline(), [slow]) == []
    assert slow.refusals == ["no gain here: 1.20 times the time of the original"]


def test_a_variant_that_lost_too_much_on_the_select_split_is_told_so() -> None:
    bad = trial("bad", 0.2, select=PairedCounts(1000, 30, 5))
    assert order(job(), baseline(), [bad]) == []
    assert bad.refusals == ["loses 2.5% of right answers on 1000 examples"]


def test_what_screening_refused_stays_refused() -> None:
    dropped = trial("dropped")
    dropped.refusals.append("time ran out")
    unseen = trial("unseen")
    unseen.select = None
    assert order(job(), baseline(), [dropped, unseen]) == []
    assert dropped.refusals == ["time ran out"]


@pytest.mark.parametrize(
    ("objective", "unit"), [("latency", "time"), ("energy", "CPU time"), ("throughput", "time")]
)
def test_the_objective_decides_what_costs(objective: str, unit: str) -> None:
    work = job(budget=Budget(objective=objective))  # type: ignore[arg-type]
    slow = trial("slow", 0.5)
    slow.latency_s = slow.example_s = slow.cpu_s = 2.0
    assert order(work, baseline(), [slow]) == []
    assert f"2.00 times the {unit} of the original" in slow.refusals[0]


def test_a_certificate_counts_what_changed(random: np.random.Generator) -> None:
    wrong_before = random.choice(COUNT, 400, replace=False)
    work = job(numbered(COUNT, wrong=wrong_before.tolist()))
    # half of the changes repair what the original has wrong
    changed = random.choice(COUNT, 40, replace=False)
    one = trial("one", wrong=changed.tolist())
    certifier = _certified(work, [one])
    certify = work.splits.certify
    worse = len(np.intersect1d(np.setdiff1d(changed, wrong_before), certify))
    better = len(np.intersect1d(np.intersect1d(changed, wrong_before), certify))
    assert certifier.count == len(certify)
    counts = PairedCounts(len(certify), worse, better)
    assert one.certificate == certify_with_labels(counts, 0.01, 0.95)


def test_testing_stops_at_the_first_failure() -> None:
    work = job()
    bad = work.splits.certify[:200].tolist()
    trials = [trial("a"), trial("b", wrong=bad), trial("c"), trial("d")]
    _certified(work, trials)
    assert [one.is_certified for one in trials] == [True, False, False, False]
    assert trials[2].certificate is None
    assert "not certified: lost" in trials[1].refusals[0]
    for one in trials[2:]:
        assert one.refusals == ["not tested: b, before it in the fixed order, failed"]


def test_all_that_keep_the_budget_are_certified() -> None:
    trials = [trial(name) for name in "abc"]
    _certified(job(), trials)
    assert all(one.is_certified for one in trials)
    assert not any(one.refusals for one in trials)


def test_a_refusal_says_how_many_examples_would_do() -> None:
    work = job(numbered(400))
    one = trial("one")
    _certified(work, [one])
    assert one.certificate is not None
    assert one.certificate.examples_needed is not None
    assert f"about {one.certificate.examples_needed:,} examples would be needed" in one.refusals[0]
    assert "time sufficed" not in one.refusals[0]


def test_the_bound_in_a_refusal_is_not_rounded_down() -> None:
    certificate = certify_with_labels(PairedCounts(192, 2, 1), 0.01, 0.95)
    assert 0.026301 < certificate.drop_upper < 0.026349  # to the nearest it would be 2.63%
    one = trial("one")
    one.certificate = certificate
    told = why_uncertified(one)
    assert "at most 2.64% at 95% confidence, more than the 1% allowed" in told
    assert "about 4,668 examples" in told


def test_a_refusal_says_that_the_clock_and_not_the_data_ended_it() -> None:
    work = job(clock=Clock(now=0.0, step=1.0))
    one = trial("one")
    _certified(work, [one], until=10.0)
    assert one.certificate is not None
    assert one.certificate.n < len(work.splits.certify)
    have = len(work.splits.certify)
    assert f"time sufficed for {one.certificate.n:,} of {have:,} examples" in one.refusals[0]


def test_without_labels_agreement_is_certified() -> None:
    budget = Budget(metric="agreement")
    work = job(numbered(COUNT, labelled=False), budget)
    changed = work.splits.certify[:7].tolist()
    one = trial("one", wrong=changed)
    certifier = _certified(work, [one])
    assert one.certificate == certify_agreement(7, certifier.count, 0.01, 0.95)
    assert one.loss is None


def test_every_variant_is_tested_on_a_prefix_of_one_order(random: np.random.Generator) -> None:
    seed = int(random.integers(1000))
    clock = Clock(step=1.0)
    work = job(clock=clock, seed=seed)
    shuffled = np.random.default_rng((seed, 1)).permutation(work.splits.certify)
    wrong = shuffled[:3].tolist()
    one = trial("one", wrong=wrong)
    certifier = _certified(work, [one], until=60.0)
    assert one.certificate is not None
    assert 0 < one.certificate.n <= certifier.count < len(shuffled)
    assert one.certificate.worse == 3


def test_when_time_runs_out_every_variant_says_so() -> None:
    clock = Clock()
    work = job(clock=clock)
    trials = [trial(name) for name in "abc"]
    certifier = Certifier(work, baseline(), 800.0)
    clock.now = 900.0
    certifier.run(trials, Silence())
    assert not any(one.is_certified for one in trials)
    for one in trials:
        assert "time ran out" in one.refusals[0]


def test_the_certify_split_is_seen_by_nothing_else(random: np.random.Generator) -> None:
    work = job(seed=int(random.integers(1000)))
    seen = np.concatenate([work.splits.calibrate, work.splits.select])
    assert not np.intersect1d(seen, work.splits.certify).size
    assert not np.intersect1d(work.splits.calibrate, work.splits.select).size


def _grouped(count: int, size: int) -> ArrayDataset:
    """Return `numbered` examples in groups of neighbours."""
    plain = numbered(count)
    inputs = plain.take(np.arange(count))
    return ArrayDataset(inputs, plain.labels, groups=np.arange(count) // size)


def test_groups_are_counted_and_not_their_examples() -> None:
    work = job(_grouped(8000, 8))
    groups = np.unique(work.dataset.groups[work.splits.certify])  # type: ignore[index]
    lost = np.concatenate([np.arange(8 * group, 8 * group + 8) for group in groups[:5]])
    one = trial("one", wrong=lost.tolist())
    _certified(work, [one])
    found = one.certificate
    assert found is not None
    assert (found.kind, found.unit, found.n, found.worse) == ("losses", "group", len(groups), 5)
    assert found.drop == pytest.approx(5 / len(groups))


def test_a_prefix_holds_whole_groups_only() -> None:
    clock = Clock(step=1.0)
    work = job(_grouped(4000, 7), clock=clock)
    one = trial("one")
    certifier = Certifier(work, replace(baseline(), example_s=1e-3), until=60.0)
    certifier.run([one], Silence())
    assert one.certificate is not None
    assert certifier.count < len(work.splits.certify)
    assert one.certificate.n == certifier.count // 7


def test_an_error_is_certified_as_a_loss_between_0_and_1() -> None:
    plain = numbered(6000, labelled=False)
    work = job(plain, Budget(metric="error:4", max_drop=0.05))
    changed = work.splits.certify[:60].tolist()
    one = trial("one", wrong=changed)
    _certified(work, [one])
    found = one.certificate
    assert found is not None
    assert (found.kind, found.unit, found.worse, found.better) == ("losses", "example", 60, 0)
    assert found.certified
    # of the two outputs, 1 and -1, each is off by 2: half of the limit
    assert found.drop == pytest.approx(60 / len(work.splits.certify) * 0.5)


def test_the_least_number_is_what_a_perfect_variant_needs() -> None:
    for work in (job(numbered(3000)), job(_grouped(3000, 3)), job(budget=Budget("error:1"))):
        least = work.least_units
        for count in (least, int(0.9 * least)):
            losses = np.zeros(count)
            paired: Paired = PairedLosses(losses)
            if work.dataset.groups is not None:
                paired = PairedLosses.by_group(losses, np.arange(count))
            elif work.metric.is_exact:
                paired = PairedCounts(count, 0, 0)
            assert certify(paired, work.budget, has_truth=True).certified == (count == least)
