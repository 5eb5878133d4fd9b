"""Cascades of models that put out numbers, from answers made up for the purpose."""

from itertools import pairwise

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper
from scipy.stats import binom
from tests.search.stage import baseline, job, trial

from tradewind.budget import Budget
from tradewind.data import ArrayDataset
from tradewind.engines import OnnxRuntime
from tradewind.evidence import PairedCounts, PairedLosses, certify_threshold
from tradewind.model import Model, Origin
from tradewind.passes import Observed, PruneChannels
from tradewind.runners import DistancePredictor, columns_of, fit_distance
from tradewind.search.cascades import propose
from tradewind.search.job import Job
from tradewind.search.rating import by_distance
from tradewind.search.trials import Seen, Trial
from tradewind.tensors import Array

N = 5000
TOLERANCE = 0.5


def numbers_apart(
    random: np.random.Generator, count: int = N, share: float = 0.3
) -> tuple[Array, Array, Array]:
    """Return inputs, an original's answers, and those of one who is far off in a part of them."""
    x = random.uniform(size=(count, 4)).astype(np.float32)
    right = 3 * x[:, :1] + np.sin(9 * x[:, 1:2])
    scale = np.where(x[:, 2:3] < share, 1.0, 0.05)
    return x, right, right + scale * random.normal(size=(count, 1))


def _blind(random: np.random.Generator) -> tuple[Array, Array, Array]:
    """Return inputs that say nothing about the answers, nor the answers about the distance."""
    x = random.uniform(size=(N, 4)).astype(np.float32)
    right = random.uniform(-1000, 1000, (N, 1))
    return x, right, right + random.normal(size=(N, 1))


def job_on(x: Array, metric: str = f"within:{TOLERANCE}", groups: Array | None = None) -> Job:
    return job(ArrayDataset({"x": x}, groups=groups), Budget(metric, max_drop=0.02))


def tried(work: Job, right: Array, cheap: Array) -> tuple[Trial, Trial]:
    """Return the original and a variant at a tenth of its cost, as screening leaves them."""
    select = work.splits.select
    original, variant = baseline(), trial("cheap", 0.1)
    for one, answers in ((original, right[select]), (variant, cheap[select])):
        losses = work.metric.losses(answers, right[select])
        one.seen = Seen(answers, losses)
        one.select = work.paired(np.zeros(len(losses)), losses, select)
    return original, variant


@pytest.mark.parametrize("is_grouped", [False, True])
@pytest.mark.parametrize("metric", [f"within:{TOLERANCE}", "error:2"])
def test_who_is_far_off_in_a_known_part_becomes_a_first_stage(
    metric: str, is_grouped: bool, random: np.random.Generator
) -> None:
    x, right, cheap = numbers_apart(random)
    groups = np.arange(N) // 2 if is_grouped else None
    work = job_on(x, metric, groups)
    original, variant = tried(work, right, cheap)
    assert variant.select is not None
    assert variant.select.drop > 0.05
    found = propose(work, None, original, [variant])
    assert found
    counted = metric.startswith("within") and not is_grouped
    certify = work.splits.certify
    for one in found:
        assert isinstance(one.select, PairedCounts if counted else PairedLosses)
        assert one.select.drop < 0.02
        assert one.cost == pytest.approx(0.1 + one.asked[0])
        # what was foreseen is what happens on examples that nobody has looked at
        [rule] = one.plan.rules
        sure = rule.is_sure({"y": cheap[certify]}, {"x": x[certify]})
        answers = np.where(sure[:, None], cheap[certify], right[certify])
        # many are rated nearly alike, so that a small shift moves many across the threshold
        assert np.mean(~sure) == pytest.approx(one.asked[0], abs=0.3)
        lost = work.metric.losses(answers, right[certify]).mean()
        # five standard errors of the difference of two means, from 1,000 and 3,700 examples
        assert lost == pytest.approx(one.select.drop, abs=5 * np.sqrt(0.02 / 780))


def test_who_is_far_off_anywhere_is_no_first_stage(random: np.random.Generator) -> None:
    x, right, cheap = _blind(random)
    work = job_on(x)
    original, variant = tried(work, right, cheap)
    assert propose(work, None, original, [variant]) == []


def test_nobody_is_rated_by_a_rule_that_has_seen_the_example(random: np.random.Generator) -> None:
    x, right, cheap = _blind(random)
    work = job_on(x)
    original, variant = tried(work, right, cheap)
    assert original.seen is not None
    assert variant.seen is not None
    [(rule, confidences)] = by_distance(work, original.seen)(variant.seen)
    select = work.splits.select
    distances = np.abs(cheap - right)[select, 0]
    own = rule.confidence({"y": cheap[select]}, {"x": x[select]})
    # there is nothing to learn, and only who was fitted to it claims to know
    known, unknown = (np.corrcoef(-one, distances)[0, 1] for one in (own, confidences))
    assert known > 0.2
    # a correlation of 1,000 pairs that do not depend on each other has the standard error 0.032
    assert abs(unknown) < 0.2


def test_an_answer_that_is_no_number_is_the_least_sure(random: np.random.Generator) -> None:
    x, right, cheap = numbers_apart(random)
    work = job_on(x)
    cheap[work.splits.select[:50]] = np.nan
    original, variant = tried(work, right, cheap)
    assert original.seen is not None
    assert variant.seen is not None
    [(_, confidences)] = by_distance(work, original.seen)(variant.seen)
    assert (confidences[:50] == -np.inf).all()
    for one in propose(work, None, original, [variant]):
        assert np.isfinite(one.plan.rules[0].threshold)
        assert one.asked[0] >= 0.05


def test_a_certified_threshold_of_distances_keeps_its_promise(random: np.random.Generator) -> None:
    x, right, cheap = numbers_apart(random, 20_000)
    columns = columns_of({"x": x}, cheap)
    distances = np.abs(cheap - right)[:, 0]
    rule = fit_distance(columns[:500], distances[:500])
    assert isinstance(rule, DistancePredictor)
    # everybody there is, drawn from with replacement: what a threshold loses is known exactly
    confidences, differs = rule.rate(columns), distances > TOLERANCE
    budget, repeats = 0.02, 400
    lost = np.cumsum(differs[np.argsort(-confidences, kind="stable")]) / len(differs)
    shares = np.searchsorted(lost, [0.5 * budget, budget, 1.2 * budget, 2 * budget])
    thresholds = np.sort(confidences)[::-1][np.minimum(shares, len(lost) - 1)].tolist()
    broken = gained = 0
    for _ in range(repeats):
        drawn = random.integers(0, len(x), 600)
        found = certify_threshold(confidences[drawn], differs[drawn], thresholds, budget, 0.95)
        broken += bool(np.mean((confidences >= found.threshold) & differs) > budget)
        gained += found.certificate is not None
    # at the nominal level more would happen once in a million runs
    assert broken <= binom.ppf(1 - 1e-6, repeats, 0.05)
    assert gained > repeats / 10


def _dense(random: np.random.Generator) -> Model:
    """Return x [N, 8] -> y [N, 2], a network with two hidden layers."""
    sizes = (8, 64, 64, 2)
    nodes, weights, name = [], [], "x"
    for number, (fan_in, fan_out) in enumerate(pairwise(sizes)):
        weight = random.normal(size=(fan_in, fan_out)) / np.sqrt(fan_in)
        weights.append(numpy_helper.from_array(weight.astype(np.float32), f"w{number}"))
        is_last = number == len(sizes) - 2
        out = "y" if is_last else f"sum{number}"
        nodes.append(helper.make_node("MatMul", [name, f"w{number}"], [out]))
        if not is_last:
            name = f"hidden{number}"
            nodes.append(helper.make_node("Relu", [out], [name]))
    graph = helper.make_graph(
        nodes,
        "dense",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 8])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 2])],
        weights,
    )
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return Model.from_proto(proto, Origin("onnx", "dense.onnx"))


def test_a_dense_network_with_fewer_channels_goes_first(random: np.random.Generator) -> None:
    # where inputs are small, fewer channels are nearly as good
    scale = np.where(random.uniform(size=(N, 1)) < 0.7, 0.1, 2.0)
    x = (scale * random.normal(size=(N, 8))).astype(np.float32)
    model = _dense(random)
    small = PruneChannels(keep=0.5).apply(model, Observed({"x": x[:300]})).model
    answers = []
    for graph in (model, small):
        with OnnxRuntime().compile(graph) as runner:
            answers.append(runner({"x": x})["y"].astype(np.float64))
    right, cheap = answers
    # so that a fifth is out of it: two thirds of those with large inputs
    tolerance = float(np.quantile(np.abs(cheap - right).max(axis=1), 0.8))
    work = job_on(x, f"within:{tolerance}")
    original, variant = tried(work, right, cheap)
    found = propose(work, None, original, [variant])
    assert found
    certify = work.splits.certify
    for one in found:
        sure = one.plan.rules[0].is_sure({"y": cheap[certify]}, {"x": x[certify]})
        assert 0.5 < np.mean(sure) < 0.9
        said = np.where(sure[:, None], cheap[certify], right[certify])
        lost = work.metric.losses(said, right[certify]).mean()
        assert lost == pytest.approx(one.select.drop, abs=5 * np.sqrt(0.02 / 780))
