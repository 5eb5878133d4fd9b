from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from tests.serve.admission.making import (
    FOREVER,
    SHAPE,
    Model,
    schedule,
    simulate,
    simulate_clients,
    ticket,
)
from tests.serve.properties import relaxed

from tradewind.serve.admission.schedule import Run
from tradewind.serve.admission.ticket import Ticket
from tradewind.serve.batching.rules import BatchingRules

OTHER = ((5,),)


class Interleaving(RuleBasedStateMachine):
    """Requests come, leave, are computed and end in any order, and each ends exactly once."""

    def __init__(self) -> None:
        super().__init__()
        self.now_s = 0.0
        self.slots = 2
        self.asked = schedule(self.slots, max_queue=6)
        self.waiting: set[Ticket] = set()
        self.runs: list[tuple[Run[Ticket], tuple[Ticket, ...]]] = []
        self.ended: Counter[Ticket] = Counter()
        self.all: set[Ticket] = set()
        self.is_pausing = False

    def fill(self) -> None:
        while True:
            turn = self.asked.next(self.now_s)
            for one in turn.late:
                self.waiting.remove(one)
                self.ended[one] += 1
            self.is_pausing = turn.pause_s > 0
            if not turn.batch:
                break
            assert len({one.key for one in turn.batch}) == 1
            assert all(one.level >= turn.batch[0].level for one in turn.batch)
            self.begin(turn.batch)
            self.waiting -= set(turn.batch)

    def begin(self, batch: tuple[Ticket, ...]) -> None:
        rows = sum(one.rows for one in batch)
        assert len(batch) == 1 or rows <= 64
        self.runs.append((self.asked.begin(batch[0].key, rows, self.now_s), batch))

    @rule(
        client=st.sampled_from("ab"),
        rows=st.integers(1, 40),
        key=st.sampled_from([SHAPE, OTHER]),
        level=st.integers(1, 4),
        patience_s=st.sampled_from([0.01, 0.1, 1.0, FOREVER]),
    )
    def come(
        self,
        client: str,
        rows: int,
        key: tuple[tuple[int, ...], ...],
        level: int,
        patience_s: float,
    ) -> None:
        new = ticket(client, rows, key, level, self.now_s + patience_s)
        self.all.add(new)
        if self.asked.arrive(new, self.now_s):
            self.begin((new,))
            return
        verdict = self.asked.offer(new, self.now_s)
        if verdict.refused:
            self.ended[new] += 1
            return
        self.waiting.add(new)
        if verdict.displaced is not None:
            self.waiting.remove(verdict.displaced)
            self.ended[verdict.displaced] += 1
        self.fill()

    @rule(passed_s=st.floats(0.001, 0.1))
    def time_passes(self, passed_s: float) -> None:
        self.now_s += passed_s
        self.fill()
        if passed_s > 0.01:
            assert not self.is_pausing  # nobody waits longer for company

    @rule(choice=st.integers(0, 99))
    def leave(self, choice: int) -> None:
        if self.waiting:
            one = sorted(self.waiting, key=id)[choice % len(self.waiting)]
            before = len(self.asked.line)
            self.asked.withdraw(one)
            assert len(self.asked.line) == before - 1
            self.waiting.remove(one)
            self.ended[one] += 1

    @rule(choice=st.integers(0, 99), took_s=st.floats(0.0001, 0.5), is_answered=st.booleans())
    def end(self, choice: int, took_s: float, is_answered: bool) -> None:
        if self.runs:
            self.now_s += took_s
            run, batch = self.runs.pop(choice % len(self.runs))
            self.asked.end(run, self.now_s, is_answered=is_answered)
            self.ended.update(batch)
            self.fill()

    @invariant()
    def nothing_is_lost(self) -> None:
        running = {one for _, batch in self.runs for one in batch}
        assert set(self.asked.line.in_turn(None)) == self.waiting
        assert len(self.asked.line) <= 6
        assert len(self.runs) <= self.slots
        # no slot is free while one waits, but for a moment
        assert not self.waiting or len(self.runs) == self.slots or self.is_pausing
        assert not running & self.waiting
        assert running | self.waiting | set(self.ended) == self.all
        assert all(count == 1 for count in self.ended.values())

    def teardown(self) -> None:
        while self.runs or self.waiting:
            self.time_passes(0.1)
            if self.runs:
                self.end(0, 0.01, is_answered=True)
        assert set(self.ended) == self.all


TestInterleaving = Interleaving.TestCase
TestInterleaving.settings = relaxed


@pytest.mark.parametrize(
    "model", [Model(0.004, 0.001), Model(0.0, 0.005), Model(0.02, 0.0001)], ids=str
)
@pytest.mark.parametrize("slots", [1, 2])
def test_at_twice_the_capacity_nine_tenths_of_it_are_answered_in_time(
    model: Model, slots: int, random: np.random.Generator
) -> None:
    target_s = 0.1
    capacity = slots * model.rate(target_s)
    asked = schedule(slots, rules=BatchingRules(latency_target_ms=1e3 * target_s))
    seconds = 4 + 12000 / capacity
    told = simulate(model, asked, 2 * capacity, seconds, target_s, random)
    goodput = told.goodput(target_s, seconds - 2)
    print(f"{goodput / capacity:.3f} of the capacity, batches of {np.mean(told.batches):.1f}")
    # 12,000 answers: chance moves the share by about a hundredth
    assert goodput >= 0.88 * capacity


def test_a_lone_request_goes_at_once(random: np.random.Generator) -> None:
    model = Model(0.004, 0.001)
    told = simulate(model, schedule(2), 5.0, 100, FOREVER, random)
    assert np.median(told.batches) == 1
    assert np.median(told.latencies_s) <= 1.05 * model.time_s(1)
    assert told.ends["late"] == told.ends["full"] == told.ends["shed"] == 0


@pytest.mark.parametrize("clients", [1, 2, 8, 16])
@pytest.mark.parametrize("slots", [1, 2])
def test_clients_that_come_back_at_once_are_computed_together(
    clients: int, slots: int, random: np.random.Generator
) -> None:
    model = Model(0.02, 0.0001)
    told = simulate_clients(model, schedule(slots), clients, 12, 0.0005, random)
    rate = len(told.latencies_s) / 10
    shared = max(1, clients // slots)
    best = min(slots, clients) * shared / (model.time_s(shared) + 0.0005)
    # without waiting for them, those who come back second miss the batch: half of this
    assert rate >= 0.7 * best


def test_a_client_alone_is_never_kept_waiting(random: np.random.Generator) -> None:
    model = Model(0.02, 0.0001, noise=0.0)
    told = simulate_clients(model, schedule(), 1, 20, 0.001, random)
    assert max(told.latencies_s) <= 1.001 * model.time_s(1)


def test_below_the_capacity_next_to_nobody_is_refused(random: np.random.Generator) -> None:
    model, target_s = Model(0.004, 0.001), 0.1
    rate = 0.7 * model.rate(target_s)
    asked = schedule(1, rules=BatchingRules(latency_target_ms=1e3 * target_s))
    told = simulate(model, asked, rate, 20, target_s, random)
    refused = told.ends["late"] + told.ends["full"] + told.ends["shed"]
    assert refused <= 0.02 * len(told.latencies_s)


def test_batches_grow_with_the_load(random: np.random.Generator) -> None:
    model = Model(0.004, 0.001)
    means = [
        float(np.mean(simulate(model, schedule(), rate, 20, FOREVER, random).batches))
        for rate in (20, 400, 1500)
    ]
    assert means[0] < 1.3
    assert means[0] < means[1] < means[2]


def test_where_batches_save_nothing_they_stay_small(random: np.random.Generator) -> None:
    model = Model(0.0, 0.005, noise=0.05)
    told = simulate(model, schedule(), 400, 40, FOREVER, random)
    assert np.mean(told.batches[len(told.batches) // 2 :]) < 4


def test_without_batching_everything_goes_alone(random: np.random.Generator) -> None:
    asked = schedule(rules=BatchingRules(enabled=False))
    told = simulate(Model(0.004, 0.001), asked, 1000, 5, FOREVER, random)
    assert set(told.batches) == {1}


def test_a_batch_keeps_to_half_of_the_target(random: np.random.Generator) -> None:
    model = Model(0.004, 0.001, noise=0.0)
    asked = schedule(rules=BatchingRules(latency_target_ms=30))
    told = simulate(model, asked, 3000, 10, FOREVER, random)
    assert max(told.batches) <= 12  # 4 ms and 11 times 1 ms make 15 ms; one more is a trial


def test_a_deadline_that_cannot_be_met_is_refused_at_once() -> None:
    asked = schedule()
    for number in range(4):
        asked.end(asked.begin(SHAPE, 1, number), number + 0.1, is_answered=True)
    asked.begin(SHAPE, 1, 10.0)
    verdict = asked.offer(ticket(deadline_s=10.15), 10.0)
    assert verdict.refused == "late"
    assert verdict.wait_s == pytest.approx(0.2)
    assert asked.offer(ticket(deadline_s=10.25), 10.0).refused is None


def test_a_stranger_to_the_curve_is_let_in() -> None:
    asked = schedule()
    asked.begin(SHAPE, 1, 0.0)
    assert asked.offer(ticket(deadline_s=0.01), 0.0).refused is None


@relaxed
@given(st.lists(st.sampled_from([SHAPE, OTHER]), min_size=1, max_size=20))
def test_a_shape_is_never_passed_over_for_ever(keys: list[tuple[tuple[int, ...], ...]]) -> None:
    asked = schedule()
    run = asked.begin(SHAPE, 1, 0.0)
    first = ticket(key=OTHER)
    asked.offer(first, 0.0)
    for key in keys:
        asked.offer(ticket(key=key), 0.0)
    asked.end(run, 0.1, is_answered=True)
    assert first in asked.next(0.1).batch
