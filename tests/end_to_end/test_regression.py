"""Five hundred boosted trees that put out a number: from the search's stages to the server."""

import urllib.request
from pathlib import Path

import numpy as np
import pytest
from tests.cli.child import tradewind
from tests.cli.test_serve import infer, serving
from tests.end_to_end.stages import Found, staged

from tradewind.budget import Budget
from tradewind.passes import PruneTrees
from tradewind.runners import DistancePredictor
from tradewind.search.candidates import Graph
from tradewind.search.job import Job
from tradewind.tensors import Array

TOLERANCE = 0.4
KEPT = 0.1
EXAMPLES = 6000


def _drawn(random: np.random.Generator, count: int) -> tuple[Array, Array]:
    """Return rows with numbers that are hard to tell in a third of them."""
    x = random.uniform(size=(count, 5)).astype(np.float32)
    hard = 3 * np.sin(9 * x[:, 2]) * np.cos(8 * x[:, 3])
    return x, x[:, 0] + np.where(x[:, 1] > 0.67, hard, 0.0)


def _write(folder: Path) -> None:
    sklearn = pytest.importorskip("sklearn.ensemble", reason="trains the trees")
    skl2onnx = pytest.importorskip("skl2onnx", reason="needs the extra `sklearn`")
    random = np.random.default_rng(5)
    x, y = _drawn(random, 1000)
    trees = sklearn.GradientBoostingRegressor(
        n_estimators=500, max_depth=3, learning_rate=0.08, subsample=0.5, random_state=5
    ).fit(x, y)
    graph = skl2onnx.to_onnx(trees, x[:1], target_opset=17)
    (folder / "trees.onnx").write_bytes(graph.SerializeToString())
    np.savez(folder / "rows.npz", X=_drawn(random, EXAMPLES)[0])


def _fewer(job: Job) -> Graph:
    """Return a tenth of the trees."""
    step = PruneTrees(keep=KEPT)
    change = step.apply(job.model, job.observe(step.examples))
    return Graph((step,), change.model, change.summary)


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Found:
    """The stages of a search, with a tenth of the trees among the variants."""
    folder = tmp_path_factory.mktemp("regression")
    _write(folder)
    budget = Budget(f"within:{TOLERANCE}", max_drop=0.02)
    source, data = folder / "trees.onnx", folder / "rows.npz"
    return staged(source, data, budget, _fewer, cost=1.5 * KEPT, most=2)


def test_a_tenth_of_the_trees_is_too_far_off_alone(found: Found) -> None:
    assert found.alone.select is not None
    assert found.alone.select.drop > 0.02
    assert not found.alone.is_certified


def test_in_front_of_all_trees_it_keeps_the_promise(found: Found) -> None:
    job, cascade = found.outcome.job, found.cascade
    assert cascade.certificate is not None
    assert cascade.certificate.drop_upper <= 0.02
    assert 0.3 < cascade.answered[0] < 1.0
    # worked out again: each stage by itself, on examples that no earlier step has seen
    rows = job.dataset.take(job.splits.certify)
    first, last = cascade.plan.stages
    [rule] = cascade.plan.rules
    assert isinstance(rule, DistancePredictor)
    answers = []
    for stage in (first, last):
        with stage.engine.compile(stage.graph.model) as runner:
            answers.append(runner(rows))
    sure = rule.is_sure(answers[0], rows)
    ours, right = (one["variable"][:, 0].astype(np.float64) for one in answers)
    worse = np.count_nonzero(sure & (np.abs(ours - right) > TOLERANCE))
    assert cascade.certificate.n == len(job.splits.certify)
    # of a few answers rounding, which depends on how many are asked at once, may decide
    assert cascade.certificate.worse == pytest.approx(worse, abs=3)
    assert np.mean(sure) == pytest.approx(cascade.answered[0], abs=0.01)


def test_the_report_says_who_answers_what(found: Found) -> None:
    text = (found.bundle.folder / "report.html").read_text(encoding="utf-8")
    assert "where it is unsure" in text
    assert "predicted distance of" in text
    assert "values (192 values)" in text


def test_the_bundle_verifies_and_predicts(found: Found, tmp_path: Path) -> None:
    done = tradewind("verify", found.bundle.folder, "--json")
    assert done.code == 0, done.err
    done = tradewind(
        "predict", found.bundle.folder, "--in", found.folder / "rows.npz",
        "--out", tmp_path / "answers.npz",
    )  # fmt: skip
    assert done.code == 0, done.err
    with found.cascade.plan.compile() as runner:
        wanted = runner(found.outcome.job.dataset.take(np.arange(EXAMPLES)))["variable"]
    with np.load(tmp_path / "answers.npz") as archive:
        differ = np.count_nonzero(np.abs(archive["variable"] - wanted) > 1e-3)
    assert differ <= 3  # of answers at the threshold rounding may decide


def test_the_server_answers_and_counts_what_escalates(found: Found) -> None:
    rows = found.outcome.job.dataset.take(np.arange(60))["X"]
    with found.cascade.plan.compile() as runner:
        wanted = runner({"X": rows})["variable"]
        counted = runner.answered
    with serving(found.bundle.folder) as (url, _):
        answers = infer(url, "trees", "X", "FP32", rows)
        with urllib.request.urlopen(f"{url}/metrics", timeout=10) as response:
            text = response.read().decode()
    np.testing.assert_allclose(answers, wanted, atol=1e-3)
    shown = [
        float(line.split()[-1])
        for line in text.splitlines()
        if line.startswith("tradewind_stage_examples_total{")
    ]
    assert shown == list(counted)
