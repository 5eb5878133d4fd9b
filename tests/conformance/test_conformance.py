"""No wrong answer to the standard's own tests goes unnoticed."""

import re
from collections import Counter

import pytest
from tests.cases.case import GENERAL
from tests.conformance.judging import Outcome, Verdict
from tests.conformance.page import PAGE, counts_on, versions
from tests.conformance.reviewed import REFUSALS, load_review
from tests.conformance.running import run_all

REVIEW = load_review()
LEAST_CASES = 1800
"""ONNX 1.20 has more; fewer means that the tests were not found."""


WITHOUT_INPUTS = {"test_constant"}
"""Answers always the same, so that there is nothing to import."""


@pytest.fixture(scope="module")
def outcomes() -> list[Outcome]:
    return run_all()


def _told(found: list[Outcome]) -> str:
    return "\n".join(f"{o.engine} {o.verdict} {o.case}: {o.detail[:300]}" for o in found[:30])


def test_every_engine_was_asked_everything(outcomes: list[Outcome]) -> None:
    counts = Counter(outcome.engine for outcome in outcomes)
    assert set(counts) == {kind.name for kind in GENERAL}
    assert len(set(counts.values())) == 1
    assert min(counts.values()) >= LEAST_CASES


def test_no_wrong_answer_is_new(outcomes: list[Outcome]) -> None:
    bad = (Verdict.WRONG, Verdict.BROKEN, Verdict.CRASHED)
    new = [o for o in outcomes if o.verdict in bad and REVIEW.difference(o) is None]
    assert not new, _told(new)


def test_no_reviewed_difference_is_gone(outcomes: list[Outcome]) -> None:
    wrong = {(o.engine, o.case) for o in outcomes if o.verdict is Verdict.WRONG}
    certain = [entry for entry in REVIEW.differs if not entry.depends_on_machine]
    listed = {(entry.engine, test) for entry in certain for test in entry.tests}
    assert not listed - wrong, "these pass or are refused now: take them off the list"


def test_every_refusal_is_understood(outcomes: list[Outcome]) -> None:
    unknown = [o for o in outcomes if o.verdict in REFUSALS and REVIEW.refusal(o) is None]
    assert not unknown, _told(unknown)


def test_every_reviewed_refusal_and_random_answer_occurs(outcomes: list[Outcome]) -> None:
    used = {REVIEW.refusal(o) for o in outcomes if o.verdict in REFUSALS}
    assert {entry for entry in REVIEW.refused if not entry.depends_on_machine} <= used
    for entry in REVIEW.random:
        assert any(re.fullmatch(entry.tests, outcome.case) for outcome in outcomes)


def test_what_onnx_runtime_answers_alone_it_answers_through_tradewind(
    outcomes: list[Outcome],
) -> None:
    lost = [outcome for outcome in outcomes if outcome.is_right_alone]
    assert {outcome.case for outcome in lost} == WITHOUT_INPUTS, _told(lost)


def test_no_pass_that_was_published_is_lost(outcomes: list[Outcome]) -> None:
    text = PAGE.read_text(encoding="utf-8")
    if any(f"| {name} | {version} |" not in text for name, version in versions().items()):
        pytest.skip("the page was published for other versions")
    now = Counter(o.engine for o in outcomes if o.verdict is Verdict.PASSED)
    for engine, count in counts_on(text).items():
        assert now[engine] >= count, f"{engine} passed {count} tests when they were published"
