"""The stage in which variants are tried, with a screen that only writes down what it sees."""

from dataclasses import replace
from typing import cast

import numpy as np
import pytest
from tests.cases.networks import attention
from tests.cases.trees import draw_forest
from tests.search.stage import Clock, Lossy, baseline, job, machine
from tests.search.test_cascades import SCORES, cheap_and_original
from tests.search.test_rating import job_on, numbers_apart, tried

from tradewind.budget import Budget
from tradewind.engines import Engine, OnnxRuntime, OpenVINO
from tradewind.errors import PassError, UnsupportedModel
from tradewind.evidence import PairedCounts
from tradewind.importers.forests.writing import write
from tradewind.model import Model, Origin
from tradewind.passes import DropBlocks, Pass, PruneTrees
from tradewind.runners import DistancePredictor, Scores
from tradewind.search.candidates import Cut, Graph, quantizers
from tradewind.search.job import Job
from tradewind.search.making import Maker
from tradewind.search.plans import Plan
from tradewind.search.progress import Silence
from tradewind.search.screening import Baseline, Screen
from tradewind.search.settings import SearchSettings
from tradewind.search.trials import Load, Trial
from tradewind.search.trying import Attempts


class Written:
    """A screen that has looked at everything before."""

    def __init__(self, job: Job, original: Trial, scores: Scores | None) -> None:
        self._job = job
        self.scores = scores
        self.no_cascade = "" if scores else "nothing tells how sure it is"
        self.baseline = cast(Baseline, _Kept(original))
        self.looked: list[Graph] = []
        self.measured_plans: list[Plan] = []
        self.extended: list[float] = []
        self.look_s = 0.0
        self.best = 1.0
        self.breaks = False

    def extend(self, share: float) -> None:
        self.extended.append(share)

    @property
    def has_time(self) -> bool:
        return self._job.deadline.left_s(self.extended[-1]) > 0

    def engines(self, graph: Graph) -> list[list[Engine]]:
        return [[OnnxRuntime()]]

    def look(self, graph: Graph, engines: list[Engine]) -> Trial:
        self.looked.append(graph)
        return Trial(Plan.alone(graph, engines[0]), Load(1, 1), 0.5, 0.5, 0.5)

    def cascade(self, plan: Plan, asked: tuple[float, ...]) -> Trial:
        if self.breaks:
            raise UnsupportedModel("model", "stages", "none")
        self.measured_plans.append(plan)
        return Trial(plan, Load(64, 1), 0.2, 0.2, 0.2, asked=asked)


class _Kept:
    def __init__(self, trial: Trial) -> None:
        self.trial = trial


def _attempts(work: Job, screen: Written) -> Attempts:
    return Attempts(work, cast(Screen, screen), Silence())


def test_without_time_everything_is_told_that_it_was_not_tried() -> None:
    clock = Clock(now=900.0)
    work = job(clock=clock)
    screen = Written(work, baseline(), SCORES)
    attempts = _attempts(work, screen)
    attempts.run()
    assert not attempts.is_complete
    assert attempts.trials == []
    told = {refusal.variant: refusal.why for refusal in attempts.refused}
    for step in quantizers(work.model, "normal", work.hardware):
        assert told[step.label] == "not tried: time ran out"


def test_without_class_scores_it_is_said_why_there_is_no_cascade() -> None:
    work = job(clock=Clock(now=900.0))
    attempts = _attempts(work, Written(work, baseline(), None))
    attempts.run()
    assert ("cascade", "nothing tells how sure it is") in {
        (refusal.variant, refusal.why) for refusal in attempts.refused
    }


def test_the_time_for_cascades_is_free_where_there_are_none() -> None:
    work = job(clock=Clock(now=900.0))
    with_scores, without = Written(work, baseline(), SCORES), Written(work, baseline(), None)
    _attempts(work, with_scores)
    _attempts(work, without)
    assert with_scores.extended[0] < without.extended[0]


def _with_a_cheap_trial(random: np.random.Generator) -> tuple[Attempts, Written]:
    work = job(budget=Budget(max_drop=0.02), clock=Clock())
    original, cheap = cheap_and_original(random)
    screen = Written(work, original, SCORES)
    attempts = _attempts(work, screen)
    attempts.trials.append(cheap)
    return attempts, screen


def test_cascades_of_what_was_looked_at_are_measured(random: np.random.Generator) -> None:
    attempts, screen = _with_a_cheap_trial(random)
    attempts._try_cascades()
    found = attempts.trials[1:]
    assert found
    # one threshold is timed, the safest; from it follows what the others cost
    assert screen.measured_plans == [found[0].plan]
    assert len(found) > 1
    asked = [one.asked[0] for one in found]
    assert asked == sorted(asked, reverse=True)
    assert [one.example_s for one in found] == sorted([one.example_s for one in found])[::-1]
    cheap = attempts.trials[0].latency_s
    expected = 0.2 * (cheap + asked[-1]) / (cheap + asked[0])
    assert found[-1].example_s == pytest.approx(expected)
    assert all(one.plan.is_cascade and one.select is not None for one in found)
    assert len({one.name for one in found}) == len(found)
    assert attempts.is_complete


def test_without_time_for_a_look_a_cascade_costs_what_its_stages_take(
    random: np.random.Generator,
) -> None:
    attempts, screen = _with_a_cheap_trial(random)
    [cheap], original = attempts.trials, screen.baseline.trial
    cast(Clock, attempts._job.deadline.clock).now = 990.0
    attempts._try_cascades()
    found = attempts.trials[1:]
    assert screen.measured_plans == []
    assert len(found) > 1
    for one in found:
        share = one.asked[0]
        assert one.latency_s == pytest.approx(cheap.latency_s + share * original.latency_s)
        assert one.load == cheap.load
        assert one.select is not None
        assert one.name != one.plan.name
    assert attempts.refused == []


def test_a_cascade_that_does_not_run_is_refused(random: np.random.Generator) -> None:
    attempts, screen = _with_a_cheap_trial(random)
    screen.breaks = True
    attempts._try_cascades()
    assert len(attempts.trials) == 1
    assert all("it does not run" in refusal.why for refusal in attempts.refused)
    assert attempts.refused


def test_cascades_of_numbers_are_measured(random: np.random.Generator) -> None:
    x, right, cheap = numbers_apart(random)
    work = job_on(x)
    original, variant = tried(work, right, cheap)
    screen = Written(work, original, None)
    screen.no_cascade = ""
    attempts = _attempts(work, screen)
    attempts.trials.append(variant)
    attempts._try_cascades()
    found = attempts.trials[1:]
    assert screen.measured_plans == [found[0].plan]
    assert all(isinstance(one.plan.rules[0], DistancePredictor) for one in found)
    assert attempts.is_complete


def test_where_no_cascade_promises_anything_that_is_said(random: np.random.Generator) -> None:
    attempts, screen = _with_a_cheap_trial(random)
    attempts.trials.clear()
    attempts._try_cascades()
    assert screen.measured_plans == []
    assert [refusal.variant for refusal in attempts.refused] == ["cascade"]


def test_a_smaller_graph_is_quantized_as_the_best_one_was(random: np.random.Generator) -> None:
    attempts, _ = _with_a_cheap_trial(random)
    likely = quantizers(attempts._job.model, "normal", machine("avx512_vnni"))
    cheap = attempts.trials[0]
    graph, engine = cheap.plan.last.graph, cheap.plan.last.engine
    cheap.plan = Plan.alone(replace(graph, steps=(DropBlocks(), likely[-1])), engine)
    assert attempts._prospects.best_quantizer(likely) == likely[-1]
    # where the original is the quickest, int8 does not pay
    exact = baseline()
    exact.latency_s = cheap.latency_s / 2
    attempts.trials.append(exact)
    assert attempts._prospects.best_quantizer(likely) is None
    attempts.trials.clear()
    assert attempts._prospects.best_quantizer(likely) == likely[0]


class _Cutting:
    """Stands in for a maker; every cut makes another graph, down to the smallest."""

    def __init__(self, smallest: float) -> None:
        self._smallest = smallest

    def apply(self, graph: Graph, step: Pass, timeout_s: float) -> Graph | None:
        proto = graph.model.to_proto()
        proto.doc_string += step.label
        found = Graph((*graph.steps, step), graph.model.with_proto(proto), "")
        left = 1.0
        for one in found.steps:
            left *= one.keep if isinstance(one, Cut) else 1.0
        if left < self._smallest:
            raise PassError("model", "more to cut", "nothing")
        return found


class _Losing(Written):
    """Looks at graphs, of which those that keep less than a share of the original lose much."""

    def __init__(self, work: Job, least: float) -> None:
        super().__init__(work, baseline(), None)
        self._least = least

    def look(self, graph: Graph, engines: list[Engine]) -> Trial:
        trial = super().look(graph, engines)
        left = float(np.prod([one.keep for one in graph.steps if isinstance(one, Cut)]))
        trial.select = PairedCounts(1000, 0 if left >= self._least else 50, 0)
        return trial


@pytest.mark.parametrize(
    ("least", "looked"),
    [
        (1.0, [0.6, 0.5]),  # nothing holds: each cut is tried once, from the whole
        # twice as much goes while nothing is lost, and half of that where it was too much;
        # what held is where the next kind of cut begins
        (0.3, [0.6, 0.216, 0.36, 0.18]),
        (0.17, [0.6, 0.216, 0.07776, 0.1296, 0.108]),
        (0.12, [0.6, 0.216, 0.07776, 0.1296, 0.0648]),
    ],
)
def test_what_holds_is_cut_further(least: float, looked: list[float]) -> None:
    work = job(clock=Clock())
    screen = _Losing(work, least)
    attempts = _attempts(work, screen)
    whole = screen.baseline.trial.plan.last.graph
    attempts._shrink(cast(Maker, _Cutting(0.05)), whole, ())
    left = [np.prod([one.keep for one in graph.steps]) for graph in screen.looked]  # type: ignore[attr-defined]
    assert left == pytest.approx(looked)
    assert not attempts.refused


@pytest.mark.parametrize(
    ("step", "lost", "expected"),
    [
        (PruneTrees(keep=0.1), 9, True),
        (PruneTrees(keep=0.1), 11, False),
        (DropBlocks(keep=0.6), 5, True),
        (DropBlocks(keep=0.6), 9, False),
    ],
)
def test_trees_are_cut_further_as_long_as_the_promise_is_kept(
    step: Pass, lost: int, expected: bool
) -> None:
    work = job(budget=Budget(max_drop=0.01), clock=Clock())
    attempts = _attempts(work, Written(work, baseline(), None))
    graph = Graph((step,), work.model, "")
    seen = Trial(Plan.alone(graph, OnnxRuntime()), Load(1, 1), 0.5, 0.5, 0.5)
    seen.select = PairedCounts(1000, lost, 0)
    attempts.trials.append(seen)
    assert attempts._prospects.holds(graph) is expected


def test_a_graph_that_cannot_be_cut_further_ends_the_cuts() -> None:
    work = job(clock=Clock())
    screen = _Losing(work, 0.0)
    attempts = _attempts(work, screen)
    attempts._shrink(cast(Maker, _Cutting(0.3)), screen.baseline.trial.plan.last.graph, ())
    assert [len(graph.steps) for graph in screen.looked] == [1, 2]
    assert [refusal.variant for refusal in attempts.refused] == [
        "21.6% of blocks",  # cut deeply
        "36% of blocks, 50% of channels",
    ]


class _Slow:
    """Stands in for a maker that takes all the time it is given."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.asked: list[Pass] = []

    def apply(self, graph: Graph, step: Pass, timeout_s: float) -> Graph | None:
        self.asked.append(step)
        self._clock.now += timeout_s
        raise PassError("model", "an end in time", "none")


def test_after_a_cut_that_took_its_time_for_nothing_no_other_is_begun() -> None:
    clock = Clock()
    work = job(clock=clock)
    attempts = _attempts(work, Written(work, baseline(), None))
    maker = _Slow(clock)
    attempts._shrink(cast(Maker, maker), Graph((), work.model, ""), ())
    assert [type(step) for step in maker.asked] == [DropBlocks]
    assert [refusal.variant for refusal in attempts.refused] == ["60% of blocks", "50% of channels"]


def test_what_loses_something_is_cut_less_deeply() -> None:
    work = job(budget=Budget(max_drop=0.01), clock=Clock())
    screen = _Costly(work, baseline(), None)
    attempts = _attempts(work, screen)
    attempts._shrink(cast(Maker, _Cutting(0.3)), screen.baseline.trial.plan.last.graph, ())
    left = [np.prod([one.keep for one in graph.steps]) for graph in screen.looked]  # type: ignore[attr-defined]
    assert left == pytest.approx([0.6, 0.36])


class _Costly(Written):
    """Looks at graphs that all lose a third of the budget."""

    def look(self, graph: Graph, engines: list[Engine]) -> Trial:
        return replace(super().look(graph, engines), select=PairedCounts(1000, 3, 0))


class _Wavering(Written):
    """Looks at forests, of which some lose much and smaller ones nothing."""

    def look(self, graph: Graph, engines: list[Engine]) -> Trial:
        trial = super().look(graph, engines)
        left = float(np.prod([one.keep for one in graph.steps if isinstance(one, Cut)]))
        trial.select = PairedCounts(1000, 50 if left in (0.1, 0.025) else 0, 0)
        return trial


def test_fewer_trees_are_tried_though_some_lost_too_much(random: np.random.Generator) -> None:
    forest = Model.from_proto(write(draw_forest(random)), Origin("onnx", "forest.onnx"))
    work = replace(job(clock=Clock()), model=forest)
    screen = _Wavering(work, baseline(), None)
    attempts = _attempts(work, screen)
    attempts._shrink(cast(Maker, _Cutting(0.01)), Graph((), forest, ""), ())
    left = [np.prod([one.keep for one in graph.steps]) for graph in screen.looked]  # type: ignore[attr-defined]
    assert left == pytest.approx([0.1, 0.05, 0.025, 0.0125])
    assert [refusal.variant for refusal in attempts.refused] == ["0.625% of trees"]


class _Little(_Losing):
    """Sees that nothing gains much."""

    def look(self, graph: Graph, engines: list[Engine]) -> Trial:
        return replace(super().look(graph, engines), latency_s=0.9)


@pytest.mark.parametrize(
    ("look_s", "looked"),
    [
        (1.0, ["dynamic", "original", "static", "60% of blocks, dynamic"]),
        (9.0, ["dynamic", "60% of blocks, dynamic", "static", "original"]),
    ],
)
def test_in_a_hurry_what_int8_gains_little_is_cut_early(
    look_s: float, looked: list[str], random: np.random.Generator
) -> None:
    model = Model.from_proto(attention(random), Origin("onnx", "attention.onnx"))
    work = replace(
        job(clock=Clock(), time_s=60.0),
        model=model,
        hardware=machine("avx2"),
        settings=SearchSettings(60.0),
    )
    screen = _Little(work, 1.0)  # what is cut loses too much to be cut again
    screen.look_s = look_s
    attempts = _attempts(work, screen)
    dynamic, static, _ = likely = quantizers(model, "quick", work.hardware, is_hurried=True)
    names = {dynamic.label: "dynamic", static.label: "static"}
    attempts._begin(cast(Maker, _Cutting(0.55)), Graph((), model, ""), likely)
    told = [graph.label for graph in screen.looked]
    for label, name in names.items():
        told = [one.replace(label, name) for one in told]
    assert told[: len(looked)] == looked


def test_what_is_known_of_the_best_reaches_the_screen() -> None:
    work = job(clock=Clock())
    screen = Written(work, baseline(), None)
    attempts = _attempts(work, screen)
    kept = Trial(Plan.alone(Graph((), work.model, ""), OnnxRuntime()), Load(1, 1), 0.5, 0.5, 0.5)
    attempts._keep(kept)
    assert screen.best == 1.0  # nobody knows what it loses
    kept.select = PairedCounts(100, 0, 0)
    attempts._keep(kept)
    assert screen.best == 0.5


def test_other_settings_of_the_default_engine_wait_for_what_gains_some() -> None:
    work = job(clock=Clock())
    screen = _Choosing(work, baseline(), None)
    attempts = _attempts(work, screen)
    int8 = Graph((Lossy("int8"),), work.model, "int8")
    seen = Trial(Plan.alone(int8, OnnxRuntime()), Load(1, 1), 0.8, 0.8, 0.8)
    seen.select = PairedCounts(100, 0, 0)
    attempts.trials.append(seen)
    attempts._look(screen.baseline.trial.plan.last.graph)
    assert [one.plan.last.engine for one in attempts.trials[1:]] == [
        OpenVINO("bf16"),
        OpenVINO("f32"),
    ]


class _Choosing(Written):
    """Offers the same graph in several arithmetics."""

    def engines(self, graph: Graph) -> list[list[Engine]]:
        return [[OnnxRuntime(threads=1)], [OpenVINO("f32")], [OpenVINO("bf16")]]


def test_what_computes_with_fewer_bits_comes_first_and_lets_others_wait() -> None:
    work = job(clock=Clock())
    screen = _Choosing(work, baseline(), None)
    attempts = _attempts(work, screen)
    plain = screen.baseline.trial.plan.last.graph
    attempts._look(plain)
    assert [trial.plan.last.engine for trial in attempts.trials] == [
        OpenVINO("bf16"),
        OnnxRuntime(threads=1),
        OpenVINO("f32"),
    ]
    attempts.trials = attempts.trials[:1]
    attempts.trials[0].select = PairedCounts(1000, 0, 0)  # it costs half and loses nothing
    attempts._look(plain)
    assert len(attempts.trials) == 1
    attempts._look_again()
    assert len(attempts.trials) == 4


@pytest.mark.parametrize(("lost", "looked"), [(0, 0), (9, 2)])
def test_the_original_does_not_wait_for_what_may_fail_its_test(lost: int, looked: int) -> None:
    work = job(budget=Budget(max_drop=0.01), clock=Clock())
    attempts = _attempts(work, _Choosing(work, baseline(), None))
    int8 = Graph((Lossy("int8"),), work.model, "int8")
    seen = Trial(Plan.alone(int8, OpenVINO()), Load(1, 1), 0.4, 0.4, 0.4)
    seen.select = PairedCounts(1000, lost, lost)
    attempts.trials.append(seen)
    attempts._look(attempts._screen.baseline.trial.plan.last.graph)
    # the default engine may wait: it gains too little to fall back on
    assert [one.plan.last.engine for one in attempts.trials[1:]] == [
        OpenVINO("bf16"),
        OpenVINO("f32"),
    ][:looked]


def test_under_load_the_engine_with_streams_comes_first() -> None:
    for objective, first in (("latency", OnnxRuntime(threads=1)), ("throughput", OpenVINO("f32"))):
        work = job(budget=Budget(objective=objective), clock=Clock())  # type: ignore[arg-type]
        attempts = _attempts(work, _Choosing(work, baseline(), None))
        attempts._look(Graph((Lossy("int8"),), work.model, "int8"))
        assert [trial.plan.last.engine for trial in attempts.trials][1] == first


def test_under_load_more_bits_and_the_default_engine_wait_for_what_is_good() -> None:
    for objective, looked in (("latency", 2), ("throughput", 1)):
        work = job(budget=Budget(objective=objective), clock=Clock())  # type: ignore[arg-type]
        attempts = _attempts(work, _Good(work, baseline(), None))
        attempts._look(Graph((Lossy("int8"),), work.model, "int8"))
        assert len(attempts.trials) == looked
        attempts._look_again()
        assert len(attempts.trials) == 3


class _Good(_Choosing):
    """Sees gains without a loss everywhere."""

    def look(self, graph: Graph, engines: list[Engine]) -> Trial:
        trial = super().look(graph, engines)
        trial.select = PairedCounts(100, 0, 0)
        return trial


def test_an_engine_on_which_the_original_is_far_too_slow_gets_no_other_graph() -> None:
    work = job(clock=Clock())
    screen = Written(work, baseline(), None)
    attempts = _attempts(work, screen)
    int8 = Graph((Lossy("int8"),), work.model, "int8")
    slow = Trial(Plan.alone(Graph((), work.model, ""), OnnxRuntime()), Load(1, 1), 4.5, 4.5, 4.5)
    attempts.trials.append(slow)
    attempts._look(int8)
    assert screen.looked == []
    [refusal] = attempts.refused
    assert refusal.why == "the original takes 4.5 times as long on this engine"
    assert attempts.is_complete
    # in another arithmetic it is quicker there
    quick = Trial(Plan.alone(Graph((), work.model, ""), OnnxRuntime()), Load(1, 1), 0.9, 0.9, 0.9)
    attempts.trials.append(quick)
    attempts._look(int8)
    assert screen.looked == [int8]
