"""Which layers return to float, by what they cost on the engine that runs them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, cast, final

import numpy as np
import pytest
from tests.cases import CASES
from tests.passes.mixing.nets import WIDTH, chain
from tests.search.stage import Clock, job, trial
from tests.search.test_trying import Written

from tradewind.budget import Budget
from tradewind.data import ArrayDataset
from tradewind.engines import Engine, OnnxRuntime, OpenVINO, Step
from tradewind.evidence import PairedCounts, PairedLosses
from tradewind.model import Model
from tradewind.passes import Observed, QuantizeStatic, RevertLayers
from tradewind.passes.mixing import Switched, sensitivity
from tradewind.runners import Runner
from tradewind.search.candidates import Graph, short, variant_name
from tradewind.search.job import Job
from tradewind.search.layer_times import LayerTime, faster_in_float, is_quicker, layer_times
from tradewind.search.making import Maker
from tradewind.search.mixing import Mixer, allowed, mixable, needs_healing, prefixes, rank
from tradewind.search.plans import Plan
from tradewind.search.probing import Inputs
from tradewind.search.progress import Silence
from tradewind.search.risk import SAFE, risk
from tradewind.search.screening import Screen
from tradewind.search.trials import Trial
from tradewind.search.trying import Attempts
from tradewind.tensors import Tensors

LONG_S = 120.0
STEP = QuantizeStatic(examples=32)
FAST, EVEN, SLOW = (
    LayerTime((q,) * 2, (f,) * 2) for q, f in ((9e-6, 2e-6), (2e-6, 4e-6), (1e-6, 9e-6))
)


@final
@dataclass(frozen=True)
class Told(Engine):
    """An engine whose profile says what it is told to."""

    name: ClassVar[str] = "told"

    in_int8: tuple[float, ...] = ()
    in_float: tuple[float, ...] = ()

    @classmethod
    def version(cls) -> str:
        return "1"

    @property
    def label(self) -> str:
        return "Told"

    def compile(self, model: Model) -> Runner:
        return OnnxRuntime().compile(model)

    def profile(self, model: Model, batches: Sequence[Tensors]) -> list[Step]:
        kinds = {node.op_type for node in model.to_proto().graph.node}
        times = self.in_int8 if "QuantizeLinear" in kinds else self.in_float
        return [Step((f"dense{index}",), "MatMul", took) for index, took in enumerate(times)]


def _work(
    random: np.random.Generator, depth: int, fragile: int, budget: Budget | None = None
) -> tuple[Job, Maker, Graph]:
    """Return a job on a chain of dense layers, with its int8 graph."""
    model = chain(random, depth, fragile)
    data = ArrayDataset({"x": random.standard_normal((4000, WIDTH)).astype(np.float32)})
    found = replace(job(budget=budget, clock=Clock()), model=model, dataset=data)
    maker = Maker(model, found.observe, found.sample())
    change = STEP.apply(model, found.observe(STEP.examples))
    maker._before[change.model.digest] = model  # as though made in a process of its own
    return found, maker, Graph((STEP,), change.model, change.summary)


def _inputs(work: Job) -> Inputs:
    return Inputs({1: (work.dataset.take(np.arange(1)),)})


def _mixer(work: Job, maker: Maker) -> Mixer:
    return Mixer(work, maker, _inputs(work))


def _trial(graph: Graph, engine: Engine, drop: int) -> Trial:
    """Return a variant that lost `drop` of a thousand answers."""
    return replace(
        trial("int8", 0.5, select=PairedCounts(1000, drop, 0)), plan=Plan.alone(graph, engine)
    )


def test_layers_return_by_accuracy_for_time_after_those_that_save_time() -> None:
    damage = {"cheap": 1.0, "dear": 1.5, "free": 0.0, "robust": 0.1}
    times = {"cheap": EVEN, "dear": SLOW, "free": FAST, "robust": EVEN}
    assert faster_in_float(times) == ("free",)
    assert rank(damage, times, ("free",)) == ("free", "cheap", "dear", "robust")
    # to save time is no reason to return where nobody has shown it
    assert rank(damage, times) == ("cheap", "dear", "robust", "free")


def test_without_times_the_order_is_that_of_the_damage() -> None:
    assert faster_in_float({}) == ()
    assert rank({"a": 0.1, "b": 0.7, "c": 0.2}, {}) == ("b", "c", "a")


def test_savings_that_hardly_count_are_left_alone() -> None:
    huge = LayerTime((1e-3, 1e-3), (2e-3, 2e-3))
    assert faster_in_float({"large": huge, "small": FAST}) == ()


def test_one_round_that_disagrees_is_noise() -> None:
    assert LayerTime((9e-6, 8e-6), (2e-6, 3e-6)).is_faster_in_float
    assert not LayerTime((9e-6, 2e-6), (2e-6, 3e-6)).is_faster_in_float
    assert LayerTime((9e-6, 2e-6), (2e-6, 5e-6)).cost_s == pytest.approx(0)


def test_prefixes_are_the_shortest_that_reach_each_limit(random: np.random.Generator) -> None:
    count = int(random.integers(2, 60))
    left = np.append(np.sort(random.random(count))[::-1], 0.0)  # after 0, 1, ... layers
    names = tuple(f"layer{index}" for index in range(count))
    limits = random.random(4).tolist()
    asked: list[int] = []

    def divergence(layers: Sequence[str]) -> float:
        asked.append(len(layers))
        return float(left[len(layers)])

    found = prefixes(names, divergence, limits)
    wanted = {int(np.argmax(left <= limit)) for limit in limits}
    assert found == sorted(wanted - {0, count})
    assert len(asked) == len(set(asked)) <= 4 * np.ceil(np.log2(count + 1))


def test_the_time_of_each_layer_is_read_from_profiles_of_real_engines(
    random: np.random.Generator,
) -> None:
    work, maker, graph = _work(random, 3, 1)
    batches = [work.dataset.take(np.arange(start, start + 8)) for start in range(3)]
    for engine in (OnnxRuntime(), OpenVINO()):
        found = layer_times(graph.model, maker.before(graph.model, LONG_S), engine, batches)
        # the third rotation may be too small for a step of its own
        assert found, engine.label
        assert set(found) <= {"dense0", "dense1", "dense2"}
        assert all(len(one.quantized) == len(one.in_float) == 2 for one in found.values())


def test_what_loses_too_much_is_healed_layer_by_layer(random: np.random.Generator) -> None:
    work, maker, graph = _work(random, 6, 3, Budget(max_drop=0.02))
    engine = Told((1e-6,) * 6, (2e-6,) * 6)
    mixer = _mixer(work, maker)
    one = _trial(graph, engine, 300)
    assert mixable(work, [one], _baseline(one)) is one
    steps = mixer.steps(one, LONG_S)
    assert steps[0] == RevertLayers(("dense3",))
    assert mixer.steps(one, LONG_S) == steps, "the same again"
    healed = maker.apply(graph, steps[0], LONG_S)
    assert healed is not None
    assert healed.steps == (STEP, steps[0])
    assert variant_name(healed, OnnxRuntime()).endswith("-1-layers-in-float-onnxruntime")
    assert short(steps[0]) == "1 layers in float"


def test_what_may_be_left_is_the_most_that_will_probably_pass(random: np.random.Generator) -> None:
    work, _, graph = _work(random, 2, 1, Budget(max_drop=0.02))
    one = _trial(graph, OnnxRuntime(), 0)
    assert allowed(work, one) == 1.0
    assert not needs_healing(work, one)
    shares = []
    for lost in int(random.integers(30, 60)) * np.array([1, 2, 6]):
        one.select = PairedCounts(1000, int(lost), int(random.integers(0, lost // 4)))
        shares.append(allowed(work, one))
        assert needs_healing(work, one)
        left, next_larger = (
            risk(work, one, _turned(one.select, share)) for share in (shares[-1], shares[-1] / 0.8)
        )
        assert left <= SAFE < next_larger
    assert 0.0 < shares[-1] < shares[0] < 1.0


def test_errors_fall_with_the_root_of_the_divergence(random: np.random.Generator) -> None:
    work, _, graph = _work(random, 2, 1, Budget(max_drop=0.02))
    one = _trial(graph, OnnxRuntime(), 0)
    few = float(random.uniform(0.03, 0.08))
    shares = []
    for error in (few, 2 * few):
        one.select = PairedLosses(np.full(1000, error))
        shares.append(allowed(work, one))
    assert shares[1] == pytest.approx(shares[0] / 4, rel=0.3)


def _turned(seen: PairedCounts, share: float) -> PairedCounts:
    """Return fewer disagreements, by the root, of which fewer are losses, by the share itself."""
    disagreements, drop = seen.n * seen.disagreement * share**0.5, seen.n * seen.drop * share
    return PairedCounts(
        seen.n,
        round((disagreements + drop) / 2),
        max(round((disagreements - drop) / 2), 0),
    )


def test_of_layers_that_seem_to_save_time_those_return_that_do_so_together(
    random: np.random.Generator,
) -> None:
    work, maker, graph = _work(random, 5, 1, Budget(max_drop=0.02))
    told = iter([False, False, True])
    mixer = Mixer(work, maker, _inputs(work), lambda *asked: next(told))
    all_faster = Told((9e-6, 8e-6, 7e-6, 6e-6, 5e-6), (1e-6,) * 5)
    found = mixer.steps(_trial(graph, all_faster, 0), LONG_S)
    assert found == [RevertLayers(("dense0",))]


@pytest.mark.parametrize("is_proven", [True, False])
def test_what_keeps_the_promise_is_left_alone_unless_it_is_quicker_with_layers_in_float(
    is_proven: bool, random: np.random.Generator
) -> None:
    work, maker, graph = _work(random, 3, 1, Budget(max_drop=0.02))
    asked: list[tuple[Model, Model]] = []

    def quicker(one: Model, other: Model, engine: Engine, batches: Sequence[Tensors]) -> bool:
        asked.append((one, other))
        return is_proven

    mixer = Mixer(work, maker, _inputs(work), quicker)
    assert mixer.steps(_trial(graph, Told((1e-6,) * 3, (2e-6,) * 3), 2), LONG_S) == []
    assert asked == []
    step = RevertLayers(("dense1",))
    faster = Told((1e-6, 9e-6, 1e-6), (2e-6, 3e-6, 2e-6))
    assert mixer.steps(_trial(graph, faster, 2), LONG_S) == ([step] if is_proven else [])
    mixed = step.apply(graph.model, Observed({}, work.model)).model
    assert asked == [(mixed, graph.model)]


def test_what_is_not_shown_in_time_stays_as_it_is(random: np.random.Generator) -> None:
    work, maker, graph = _work(random, 5, 1, Budget(max_drop=0.02))
    clock = cast(Clock, work.deadline.clock)

    def quicker(*asked: object) -> bool:
        clock.now += LONG_S
        return False

    mixer = Mixer(work, maker, _inputs(work), quicker)
    began = clock.now
    all_faster = Told((9e-6, 8e-6, 7e-6, 6e-6, 5e-6), (1e-6,) * 5)
    assert mixer.steps(_trial(graph, all_faster, 0), LONG_S) == []
    assert clock.now == began + LONG_S  # asked once


def test_in_a_short_search_layers_return_to_heal_only(random: np.random.Generator) -> None:
    work, maker, graph = _work(random, 4, 2, Budget(max_drop=0.02))
    work = replace(work, settings=replace(work.settings, time_s=60.0))
    for drop, is_mixed in ((2, False), (300, True)):
        one = _trial(graph, OnnxRuntime(), drop)
        attempts = Attempts(work, cast(Screen, WithInputs(work, _baseline(one))), Silence())
        attempts.trials.append(one)
        attempts._mix(maker)
        assert bool(attempts._mixed) == is_mixed


def test_a_graph_is_not_quicker_than_one_with_a_tenth_of_its_layers(
    random: np.random.Generator,
) -> None:
    long, short_one = chain(random, 20, 1), chain(random, 2, 1)
    batches = [{"x": random.standard_normal((32, WIDTH)).astype(np.float32)}]
    assert not is_quicker(long, short_one, OnnxRuntime(threads=1), batches)


class WithInputs(Written):
    """A screen that has inputs for timing."""

    def __init__(self, work: Job, original: Trial) -> None:
        super().__init__(work, original, None)
        self.inputs = _inputs(work)


def test_the_search_looks_at_healed_graphs_on_the_same_engine_and_only_once(
    random: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    # which of such tiny layers is slower would be for chance to say
    even = Told((1e-6,) * 4, (2e-6,) * 4)
    monkeypatch.setattr(OnnxRuntime, "profile", lambda _, *asked: even.profile(*asked))
    work, maker, graph = _work(random, 4, 2, Budget(max_drop=0.02))
    one = _trial(graph, OnnxRuntime(), 300)
    screen = WithInputs(work, _baseline(one))
    attempts = Attempts(work, cast(Screen, screen), Silence())
    attempts.trials.append(one)
    attempts._mix(maker)
    assert attempts.refused == []
    assert screen.looked
    for looked in screen.looked:
        assert looked.steps[:-1] == graph.steps
        assert isinstance(looked.steps[-1], RevertLayers)
    count = len(screen.looked)
    attempts._mix(maker)
    assert len(screen.looked) == count


def test_only_cheap_int8_graphs_are_picked(random: np.random.Generator) -> None:
    work, _, graph = _work(random, 2, 1)
    one = _trial(graph, OnnxRuntime(), 0)
    dear = replace(one, latency_s=9.0)
    mixed = replace(graph, steps=(*graph.steps, RevertLayers(("dense0",))))
    others = [dear, trial("exact", is_exact=True), _trial(mixed, OnnxRuntime(), 0)]
    assert mixable(work, [*others, one], _baseline(one)) is one
    assert mixable(work, others, _baseline(one)) is None


def test_what_would_have_to_return_nearly_all_is_not_picked(random: np.random.Generator) -> None:
    work, _, graph = _work(random, 2, 1, Budget(max_drop=0.01))
    original = _baseline(_trial(graph, OnnxRuntime(), 0))
    cheap, close = (
        replace(_trial(graph, OnnxRuntime(), 0), latency_s=share * original.latency_s)
        for share in (0.5, 0.6)
    )
    cheap.select, close.select = (PairedCounts(1000, lost, 0) for lost in (80, 10))
    assert mixable(work, [cheap, close], original) is close
    close.latency_s = 0.98 * original.latency_s
    assert mixable(work, [cheap, close], original) is cheap
    cheap.select = PairedCounts(1000, 4, 0)  # nothing has to return
    close.latency_s = 0.6 * original.latency_s
    assert mixable(work, [cheap, close], original) is cheap


def test_where_scales_were_moved_first_layers_return_to_where_they_were_moved_to(
    random: np.random.Generator,
) -> None:
    case = next(case for case in CASES if case.name == "attention")
    data = ArrayDataset(case.draw(random, 4000))
    work = replace(job(clock=Clock()), model=case.model, dataset=data)
    maker = Maker(case.model, work.observe, work.sample())
    step = QuantizeStatic(smooths=True, examples=32)
    graph = maker.apply(Graph((), case.model, "given"), step, LONG_S)
    assert graph is not None
    before = maker.before(graph.model, LONG_S)
    assert before.digest != case.model.digest
    switched = Switched(graph.model, before, work.observe(16))
    found = sensitivity(switched)
    # with a scale on one side only a layer would answer something else altogether
    assert max(found.damage.values()) <= 2 * found.total < 0.1


def _baseline(one: Trial) -> Trial:
    return replace(one, latency_s=1.0)
