"""What is found out once is not found out again; what might be different is."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.search.stage import Clock, Lossy, job, numbered, two_classes

from tradewind.engines import OnnxRuntime
from tradewind.errors import PassError, PassRefusal
from tradewind.model import Model
from tradewind.passes import Change, Distil, Observed, Pass
from tradewind.search.cache import Cache
from tradewind.search.candidates import Graph
from tradewind.search.job import Job
from tradewind.search.keys import answers_key, look_key
from tradewind.search.plans import Plan
from tradewind.search.recalling import Recall
from tradewind.search.screening import Screen
from tradewind.search.trials import Trial

ISA = ("avx2",)


class Making:
    """Applies passes, and counts how often."""

    def __init__(self, recall: Recall) -> None:
        self.recall = recall
        self.made = 0

    def __call__(
        self, step: Pass, model: Model, seen: Observed, isa: tuple[str, ...] = ISA
    ) -> Model:
        def make() -> Change:
            self.made += 1
            return Change(model, "done")

        change = self.recall.change(step, model, seen, isa, make)
        assert change.summary == "done"
        return change.model


def _seen(value: float) -> Observed:
    return Observed({"x": np.full((4, 2), value, np.float32)})


def test_a_pass_is_applied_once_to_what_is_the_same(tmp_path: Path) -> None:
    model = two_classes()
    first = Making(Recall(Cache(tmp_path)))
    first(Lossy(), model, _seen(1.0))
    first(Lossy(), model, _seen(1.0))
    assert (first.made, first.recall.used) == (1, 0)  # what it made itself is nobody else's
    second = Making(Recall(Cache(tmp_path)))
    assert second(Lossy(), model, _seen(1.0)) == model
    assert (second.made, second.recall.used) == (0, 1)


def test_a_pass_is_applied_again_where_anything_differs(tmp_path: Path) -> None:
    model = two_classes()
    proto = model.to_proto()
    proto.graph.name = "other"
    Making(Recall(Cache(tmp_path)))(Lossy(), model, _seen(1.0))
    making = Making(Recall(Cache(tmp_path)))
    making(Lossy("other"), model, _seen(1.0))
    making(Lossy(), model, _seen(2.0))
    making(Lossy(), model.with_proto(proto), _seen(1.0))
    making(Lossy(), model, replace(_seen(1.0), original=model))
    making(Lossy(), model, _seen(1.0), isa=("avx512_vnni",))
    assert (making.made, making.recall.used) == (5, 0)


def test_training_is_repeated_where_it_may_take_longer_than_before(tmp_path: Path) -> None:
    making = Making(Recall(Cache(tmp_path)))
    for time_s, made in ((20.0, 1), (15.0, 1), (22.0, 1), (60.0, 2), (20.0, 2)):
        making(Distil(time_s=time_s), two_classes(), _seen(1.0))
        assert making.made == made


def test_without_a_cache_everything_is_made() -> None:
    making = Making(Recall())
    for _ in range(2):
        making(Lossy(), two_classes(), _seen(1.0))
    assert making.made == 2


def test_what_failed_is_tried_again(tmp_path: Path) -> None:
    recall = Recall(Cache(tmp_path))

    def fail() -> Change:
        raise PassError("pass", "memory", "none")

    for _ in range(2):
        with pytest.raises(PassError):
            recall.change(Lossy(), two_classes(), _seen(1.0), ISA, fail)
    assert Making(recall)(Lossy(), two_classes(), _seen(1.0)) == two_classes()


def test_what_does_not_fit_is_refused_again_without_a_try(tmp_path: Path) -> None:
    tries = []

    def refuse() -> Change:
        tries.append(1)
        raise PassRefusal("pass", "a convolution", "none", "leave it")

    for _ in range(3):
        recall = Recall(Cache(tmp_path))
        with pytest.raises(PassRefusal, match="expected a convolution, got none") as found:
            recall.change(Lossy(), two_classes(), _seen(1.0), ISA, refuse)
        assert found.value.hint == "leave it"
    assert (len(tries), recall.used) == (1, 1)


def test_answers_come_back_as_they_were_but_for_strings(
    tmp_path: Path, random: np.random.Generator
) -> None:
    recall = Recall(Cache(tmp_path))
    answers, logits = random.integers(0, 9, 20), random.normal(size=(20, 9)).astype(np.float32)
    recall.keep_answers("aa", answers, logits)
    recall.keep_answers("bb", answers, None)
    recall.keep_answers("cc", answers.astype(str).astype(object), None)
    for key, scores in (("aa", logits), ("bb", None)):
        found = recall.answers(key)
        assert found is not None
        np.testing.assert_array_equal(found[0], answers)
        assert (found[1] is None) is (scores is None)
        if scores is not None:
            np.testing.assert_array_equal(found[1], scores)
    assert recall.answers("cc") is None


def _jobs() -> Iterator[Job]:
    work = job()
    yield work
    yield job(numbered(4001))
    yield job(seed=1)
    yield replace(work, hardware=replace(work.hardware, isa=("other",)))


def test_answers_are_those_of_other_examples_or_machines_never() -> None:
    plans = [
        Plan.alone(Graph((), two_classes(), ""), OnnxRuntime(threads=count)) for count in (0, 1)
    ]
    found = [answers_key(work, plans[0], None) for work in _jobs()]
    assert len(set(found)) == len(found)
    # threads change the order of summation, and no more
    assert answers_key(job(), plans[0], None) == answers_key(job(), plans[1], None) == found[0]


def test_timings_hold_on_the_same_hardware_only() -> None:
    work = job()
    more = replace(work, hardware=replace(work.hardware, cores=work.hardware.cores + 1))
    graphs, engines = [two_classes()], [OnnxRuntime()]
    assert look_key(work, graphs, engines) == look_key(job(seed=1), graphs, engines)
    assert look_key(work, graphs, engines) != look_key(more, graphs, engines)
    assert look_key(work, graphs, engines) != look_key(work, graphs, [OnnxRuntime(threads=1)])


def _looked(folder: Path) -> tuple[Trial, int]:
    work = replace(job(numbered(600), clock=Clock()), recall=Recall(Cache(folder)))
    screen = Screen(work, 0.5)
    try:
        return screen.look(Graph((), two_classes(), ""), [OnnxRuntime(threads=1)]), work.recall.used
    finally:
        screen.baseline.runner.close()


def test_a_second_look_compiles_and_asks_nothing(tmp_path: Path) -> None:
    first, found = _looked(tmp_path)
    assert found == 0
    second, found = _looked(tmp_path)
    if first.refusals:  # too dear to be asked: the original's answers, and the timing
        assert found == 2
        return
    assert found == 3
    assert first.seen is not None
    assert second.seen is not None
    np.testing.assert_array_equal(first.seen.answers, second.seen.answers)
    np.testing.assert_array_equal(first.seen.losses, second.seen.losses)
    assert first.select == second.select
    assert first.plan == second.plan
