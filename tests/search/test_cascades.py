"""Which cascades are proposed, from answers made up for the purpose."""

import numpy as np
import pytest
from tests.search.stage import baseline, job, numbered, trial

from tradewind.budget import Budget
from tradewind.engines import OnnxRuntime, OpenVINO
from tradewind.evidence import PairedCounts
from tradewind.runners import AgreementPredictor, Margin, Scores
from tradewind.search.cascades import Proposal, propose
from tradewind.search.job import Job
from tradewind.search.plans import Plan, Stage
from tradewind.search.scoring import find_scores
from tradewind.search.thresholds import SHARES
from tradewind.search.trials import Seen, Trial
from tradewind.tensors import Array

SCORES = Scores("logits")
N = 2000


def _seen(right: Array, margin: Array, truth: Array) -> Seen:
    """Return answers with logits of that margin, towards the truth where right."""
    said = np.where(right, truth, 1 - truth)
    sign = np.where(said == 1, 1.0, -1.0)
    logits = np.stack([-sign * margin / 2, sign * margin / 2], axis=1).astype(np.float32)
    return Seen(said, np.where(right, 0.0, 1.0), logits)


def _trial(name: str, cost: float, seen: Seen, original: Seen) -> Trial:
    select = PairedCounts.from_correct(original.right, seen.right)
    found = trial(name, cost, select=select)
    found.seen = seen
    return found


def cheap_and_original(
    random: np.random.Generator, cost: float = 0.1, loss: float = 0.06
) -> tuple[Trial, Trial]:
    """Return an original that is always right, and a cheap variant that errs where it is unsure."""
    truth = random.integers(0, 2, N)
    first = baseline()
    first.seen = _seen(np.ones(N, np.bool_), np.full(N, 9.0), truth)
    margin = random.uniform(0, 8, N)
    right = random.uniform(size=N) >= 4 * loss * (1 - margin / 8) ** 3
    return first, _trial("cheap", cost, _seen(right, margin, truth), first.seen)


def _proposed(
    random: np.random.Generator, work: Job | None = None, cost: float = 0.1, loss: float = 0.06
) -> tuple[list[Proposal], Trial, Trial]:
    original, cheap = cheap_and_original(random, cost, loss)
    found = propose(work or job(budget=Budget(max_drop=0.02)), SCORES, original, [cheap])
    return found, original, cheap


def test_a_variant_that_loses_too_much_alone_becomes_a_first_stage(
    random: np.random.Generator,
) -> None:
    found, original, cheap = _proposed(random)
    assert cheap.select is not None
    assert cheap.select.drop > 0.03
    assert 1 <= len(found) <= len(SHARES)
    for one in found:
        assert one.plan.stages == (cheap.plan.last.resting(), original.plan.last.resting())
        assert one.select.drop < 0.02
        assert 0 < one.asked[0] < 0.7


def test_bolder_thresholds_escalate_less_and_lose_more(random: np.random.Generator) -> None:
    found, _, _ = _proposed(random)
    assert len(found) >= 2
    thresholds = [one.plan.rules[0].threshold for one in found]
    assert thresholds == sorted(thresholds, reverse=True)
    assert [one.asked[0] for one in found] == sorted([one.asked[0] for one in found])[::-1]
    assert [one.select.worse for one in found] == sorted(one.select.worse for one in found)
    assert [one.cost for one in found] == sorted([one.cost for one in found], reverse=True)
    assert len({one.name for one in found}) == len(found)


def test_what_is_expected_is_what_the_rule_does(random: np.random.Generator) -> None:
    found, original, cheap = _proposed(random)
    assert original.seen is not None
    assert cheap.seen is not None
    assert cheap.seen.logits is not None
    for one in found:
        sure = one.plan.rules[0].is_sure({"logits": cheap.seen.logits})
        assert one.asked[0] == pytest.approx(np.mean(~sure), abs=1e-9)
        right = np.where(sure, cheap.seen.right, original.seen.right)
        assert one.select == PairedCounts.from_correct(original.seen.right, right)
        assert one.cost == pytest.approx(cheap.latency_s + one.asked[0] * original.latency_s)


def test_a_first_stage_that_costs_too_much_is_none(random: np.random.Generator) -> None:
    assert _proposed(random, cost=0.8)[0] == []


def test_a_first_stage_that_knows_nothing_is_none(random: np.random.Generator) -> None:
    original, _ = cheap_and_original(random)
    assert original.seen is not None
    right = random.uniform(size=N) < 0.8
    blind = _seen(right, random.uniform(0, 8, N), random.integers(0, 2, N))
    cheap = _trial("blind", 0.1, blind, original.seen)
    assert propose(job(budget=Budget(max_drop=0.02)), SCORES, original, [cheap]) == []


def test_a_cascade_has_to_be_cheaper_than_what_keeps_the_budget_alone(
    random: np.random.Generator,
) -> None:
    original, cheap = cheap_and_original(random)
    assert original.seen is not None
    alone = _trial("int8", 0.11, original.seen, original.seen)
    assert propose(job(budget=Budget(max_drop=0.02)), SCORES, original, [cheap, alone]) == []
    alone.latency_s = 0.6
    found = propose(job(budget=Budget(max_drop=0.02)), SCORES, original, [cheap, alone])
    assert {one.plan.last.graph.label for one in found} <= {"int8", "original"}
    # the quicker of two that may answer last
    assert found[0].plan.last == alone.plan.last.resting()


def risky(random: np.random.Generator, original: Trial, costs: list[float]) -> list[Trial]:
    """Return variants of which each may well fail its test, and tells where it errs."""
    assert original.seen is not None
    found = []
    for number, cost in enumerate(costs):
        margin = random.uniform(0, 8, N)
        right = np.ones(N, np.bool_)
        right[np.argsort(margin)[: N // 150]] = False
        seen = _seen(right, margin, original.seen.answers)
        found.append(_trial(f"int8-{number}", cost, seen, original.seen))
    return found


def test_the_original_may_answer_last_however_many_are_cheaper(
    random: np.random.Generator,
) -> None:
    original, _ = cheap_and_original(random)
    variants = risky(random, original, [0.5, 0.52, 0.54, 0.56, 0.58, 0.6])
    found = propose(job(budget=Budget(max_drop=0.01)), SCORES, original, variants)
    assert found
    for one in found:
        assert one.plan.last == original.plan.last.resting()
        assert 0 < one.asked[0] < 0.3


def test_what_may_well_fail_its_test_does_not_replace_a_cascade(
    random: np.random.Generator,
) -> None:
    original, _ = cheap_and_original(random)
    variants = risky(random, original, [0.5])
    for max_drop, is_wanted in ((0.01, True), (0.05, False)):
        work = job(budget=Budget(max_drop=max_drop))
        assert bool(propose(work, SCORES, original, variants)) is is_wanted


def test_what_asks_nobody_else_is_no_cascade(random: np.random.Generator) -> None:
    original, _ = cheap_and_original(random)
    assert original.seen is not None
    same = _trial("same", 0.5, original.seen, original.seen)
    assert propose(job(budget=Budget(max_drop=0.01)), SCORES, original, [same]) == []


def test_what_was_refused_or_hardly_seen_is_no_stage(random: np.random.Generator) -> None:
    original, cheap = cheap_and_original(random)
    cheap.refusals.append("its check failed")
    assert propose(job(), SCORES, original, [cheap]) == []
    cheap.refusals.clear()
    assert cheap.seen is not None
    assert cheap.seen.logits is not None
    cheap.seen = Seen(cheap.seen.answers[:50], cheap.seen.losses[:50], cheap.seen.logits[:50])
    assert propose(job(), SCORES, original, [cheap]) == []


def test_answers_to_fewer_examples_are_compared_with_as_many(random: np.random.Generator) -> None:
    original, cheap = cheap_and_original(random)
    assert cheap.seen is not None
    assert cheap.seen.logits is not None
    cheap.seen = Seen(cheap.seen.answers[:900], cheap.seen.losses[:900], cheap.seen.logits[:900])
    for one in propose(job(budget=Budget(max_drop=0.02)), SCORES, original, [cheap]):
        assert one.select.n == 900


def test_a_rule_is_learned_where_the_margin_tells_too_little(random: np.random.Generator) -> None:
    # three classes: the stage errs where the third is close, whatever the margin of the first two
    truth = np.zeros(N, np.int64)
    third = random.uniform(0, 6, N)
    logits = np.stack([np.full(N, 6.0), random.uniform(0, 3, N), 6 - third - 3], axis=1)
    right = random.uniform(size=N) >= 0.5 * (third < 0.8)
    said = np.where(right, 0, 1)
    logits[~right, 1] = logits[~right, 0] + 3
    original = baseline()
    sure = np.tile(np.array([9.0, 0.0, 0.0], np.float32), (N, 1))
    original.seen = Seen(truth, np.zeros(N), sure)
    cheap = _trial(
        "cheap",
        0.1,
        Seen(said, np.where(right, 0.0, 1.0), logits.astype(np.float32)),
        original.seen,
    )
    found = propose(job(budget=Budget(max_drop=0.02)), SCORES, original, [cheap])
    assert found
    assert isinstance(found[0].plan.rules[0], AgreementPredictor)


def test_the_simple_rule_is_kept_where_the_learned_one_gains_nothing(
    random: np.random.Generator,
) -> None:
    found, _, _ = _proposed(random)
    assert all(isinstance(one.plan.rules[0], Margin) for one in found)


def _unsure(
    random: np.random.Generator, name: str, cost: float, unsure: float, original: Seen
) -> Trial:
    """Return a variant that guesses where its margin is among the lowest."""
    margin = random.uniform(0, 8, N)
    right = (margin > 8 * unsure) | (random.uniform(size=N) < 0.5)
    return _trial(name, cost, _seen(right, margin, original.answers), original)


def three(random: np.random.Generator) -> list[Trial]:
    """Return an original that is right, one that errs a little, and a tiny one that errs a lot."""
    original = baseline()
    original.seen = _seen(np.ones(N, np.bool_), np.full(N, 9.0), random.integers(0, 2, N))
    small = _unsure(random, "small", 0.1, 0.05, original.seen)
    return [original, small, _unsure(random, "tiny", 0.01, 0.4, original.seen)]


def test_a_third_stage_goes_before_two_where_it_saves_more(random: np.random.Generator) -> None:
    original, small, tiny = three(random)
    work = job(budget=Budget(max_drop=0.02))
    best = propose(work, SCORES, original, [small, tiny])[0]
    labels = [stage.graph.label for stage in best.plan.stages]
    assert labels == ["tiny", "small", "original"]
    assert best.cost < propose(work, SCORES, original, [small])[0].cost
    assert best.cost < propose(work, SCORES, original, [tiny])[0].cost


def test_no_stage_goes_before_one_that_is_cheaper(random: np.random.Generator) -> None:
    original, good, tiny = three(random)
    assert original.seen is not None
    rough = _unsure(random, "rough", 0.35, 0.5, original.seen)
    for max_drop in (0.01, 0.02, 0.05):
        work = job(budget=Budget(max_drop=max_drop))
        for one in propose(work, SCORES, original, [good, tiny, rough]):
            costs = {"small": 0.1, "tiny": 0.01, "rough": 0.35, "original": original.latency_s}
            told = [costs[stage.graph.label] for stage in one.plan.stages]
            assert told == sorted(told)


def test_what_is_expected_of_three_stages_is_what_their_rules_do(
    random: np.random.Generator,
) -> None:
    original, small, tiny = three(random)
    found = propose(job(budget=Budget(max_drop=0.02)), SCORES, original, [small, tiny])
    deep = [one for one in found if len(one.plan.stages) == 3]
    assert deep
    seen = [one.seen for one in (tiny, small, original) if one.seen is not None]
    logits = [one.logits for one in seen if one.logits is not None]
    for one in deep:
        first, second = (
            rule.is_sure({"logits": said})
            for rule, said in zip(one.plan.rules, logits, strict=False)
        )
        right = np.select([first, second], [seen[0].right, seen[1].right], seen[2].right)
        assert one.select == PairedCounts.from_correct(seen[2].right, right)
        assert one.asked[0] == pytest.approx(np.mean(~first), abs=1e-9)
        assert one.asked[1] == pytest.approx(np.mean(~first & ~second), abs=1e-9)
        assert one.cost == pytest.approx(0.01 + 0.1 * one.asked[0] + one.asked[1])


def test_without_class_scores_there_is_no_cascade_and_it_is_said_why() -> None:
    work = job()
    sample = {"logits": np.random.default_rng(0).normal(size=(16, 2)).astype(np.float32)}
    assert find_scores(work, sample) == (Scores("logits"), "")
    shares = np.tile(np.array([0.3, 0.7], np.float32), (16, 1))
    assert find_scores(work, {"logits": shares})[0] == Scores("logits", are_probabilities=True)
    memory = job(budget=Budget(objective="memory"))
    found, why = find_scores(memory, sample)
    assert found is None
    assert "memory" in why
    ranked = job(numbered(200), Budget("top:1"))
    found, why = find_scores(ranked, sample)
    assert found is None
    assert "class scores" in why


def test_numbers_need_no_class_scores() -> None:
    sample = {"logits": np.zeros((16, 2), np.float32)}
    for metric in ("within:0.5", "error:2"):
        assert find_scores(job(numbered(200), Budget(metric)), sample) == (None, "")


def test_threads_of_one_stage_leave_the_cores_to_the_other() -> None:
    graph = baseline().plan.last.graph
    for engine, is_changed in (
        (OnnxRuntime(), True), (OnnxRuntime(threads=2), True), (OnnxRuntime(threads=1), False),
        (OpenVINO(), False),
    ):  # fmt: skip
        stage = Stage(graph, engine)
        assert (stage.resting() != stage) is is_changed
        assert getattr(stage.resting().engine, "spin", False) is (engine == OnnxRuntime(threads=1))


def test_code_of_its_own_is_compiled_for_the_sizes_that_are_asked() -> None:
    graph = baseline().plan.last.graph
    assert Stage(graph, OpenVINO()).quick_at(64, 1, 1).engine == OpenVINO(batch_sizes=(1, 64))
    assert Stage(graph, OnnxRuntime()).quick_at(64, 1).engine == OnnxRuntime()


def test_a_plan_says_what_it_is() -> None:
    original = baseline().plan
    cheap = trial("int8").plan
    both = Plan((cheap.last, original.last), (Margin(SCORES, 0.25),))
    assert both.is_cascade
    assert not both.is_original
    assert original.is_original
    assert both.name == f"{cheap.name}-then-{original.name}"
    assert "margin of 0.25" in both.label
    # both stages run the same graph here, which counts once
    assert both.size_bytes == original.size_bytes
