"""A cheap variant that loses too much alone, in front of the digits example: found to served."""

import urllib.request
from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper
from tests.cli.child import tradewind
from tests.cli.test_serve import infer, serving
from tests.end_to_end.conftest import write_digits
from tests.end_to_end.stages import Found, staged
from tests.search.stage import Lossy

from tradewind.budget import Budget
from tradewind.engines import OnnxRuntime
from tradewind.evidence import PairedCounts, certify_with_labels
from tradewind.model import Model, Origin
from tradewind.search.candidates import Graph
from tradewind.search.job import Job
from tradewind.tensors import Array

OTHERWISE = 3
"""Examples that may be answered otherwise here: rounding depends on how many are asked at once."""


def linear(images: Array, wanted: Array, like: Model) -> Model:
    """Return one matrix, fitted by least squares to the original's answers."""
    flat = images.reshape(len(images), -1).astype(np.float64)
    flat = np.concatenate([flat, np.ones((len(flat), 1))], axis=1)
    target = np.eye(10)[wanted] * 10
    weight = np.linalg.solve(flat.T @ flat + 3 * np.eye(flat.shape[1]), flat.T @ target)
    [taken], [given] = like.signature.inputs, like.signature.outputs
    graph = helper.make_graph(
        [
            helper.make_node("Flatten", [taken.name], ["flat"]),
            helper.make_node("Gemm", ["flat", "w", "b"], [given.name]),
        ],
        "linear",
        [helper.make_tensor_value_info(taken.name, TensorProto.FLOAT, list(taken.shape))],
        [helper.make_tensor_value_info(given.name, TensorProto.FLOAT, list(given.shape))],
        [
            numpy_helper.from_array(weight[:-1].astype(np.float32), "w"),
            numpy_helper.from_array(weight[-1].astype(np.float32), "b"),
        ],
    )
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return Model.from_proto(proto, Origin("onnx", "linear.onnx"))


def _one_matrix(job: Job) -> Graph:
    """Return a linear classifier that was fitted to the original's answers."""
    images = job.dataset.take(job.splits.calibrate)["image"]
    with OnnxRuntime().compile(job.model) as runner:
        wanted = runner({"image": images})["logits"].argmax(axis=1)
    return Graph((Lossy("linear"),), linear(images, wanted, job.model), "one matrix")


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Found:
    """The stages of a search, with a linear classifier among the variants."""
    folder = tmp_path_factory.mktemp("cascade")
    write_digits(folder)
    source, data = folder / "digits.onnx", folder / "digits.npz"
    return staged(source, data, Budget(max_drop=0.03), _one_matrix)


def test_the_cheap_variant_loses_too_much_alone(found: Found) -> None:
    assert found.alone.select is not None
    assert found.alone.select.drop > 0.03
    assert found.alone.refusals
    assert not found.alone.is_certified


def test_in_front_of_the_original_it_keeps_the_promise(found: Found) -> None:
    job, cascade = found.outcome.job, found.cascade
    assert cascade.certificate is not None
    assert cascade.certificate.drop_upper <= 0.03
    assert cascade.answered[0] > 0.2
    # worked out again: each stage by itself, on examples that no earlier step has seen
    indices = np.random.default_rng((3, 1)).permutation(job.splits.certify)
    inputs = job.dataset.take(indices)
    assert job.dataset.labels is not None
    labels = job.dataset.labels[indices]
    first, last = cascade.plan.stages
    with first.engine.compile(first.graph.model) as runner:
        outputs = runner(inputs)
    with last.engine.compile(last.graph.model) as runner:
        original = runner(inputs)["logits"].argmax(axis=1) == labels
    sure = cascade.plan.rules[0].is_sure(outputs)
    right = np.where(sure, outputs["logits"].argmax(axis=1) == labels, original)
    counts = PairedCounts.from_correct(original, right)
    assert counts.n == cascade.certificate.n
    assert counts.worse == pytest.approx(cascade.certificate.worse, abs=OTHERWISE)
    assert counts.better == pytest.approx(cascade.certificate.better, abs=OTHERWISE)
    assert np.mean(sure) == pytest.approx(cascade.answered[0], abs=0.01)
    again = PairedCounts(counts.n, cascade.certificate.worse, cascade.certificate.better)
    assert certify_with_labels(again, 0.03, 0.95) == cascade.certificate


def test_its_time_was_measured_with_examples_that_escalate(found: Found) -> None:
    cascade, baseline = found.cascade, found.outcome.baseline
    assert cascade.percentiles is not None
    assert baseline.percentiles is not None
    assert cascade.percentiles.p50 < cascade.percentiles.p99
    assert cascade.speedup is not None
    assert cascade.peak_memory_bytes is not None
    assert baseline.peak_memory_bytes is not None


def test_the_report_says_who_answers_what(found: Found) -> None:
    text = (found.bundle.folder / "report.html").read_text(encoding="utf-8")
    assert "where it is unsure" in text
    assert "Passed on" in text
    assert "Graph of stage 2" in text


def test_the_bundle_verifies_and_predicts(found: Found, tmp_path: Path) -> None:
    done = tradewind("verify", found.bundle.folder, "--json")
    assert done.code == 0, done.err
    assert done.document["valid_here"]
    done = tradewind(
        "predict", found.bundle.folder, "--in", found.folder / "digits.npz",
        "--out", tmp_path / "answers.npz",
    )  # fmt: skip
    assert done.code == 0, done.err
    with found.outcome.chosen.plan.compile() as runner:
        wanted = runner(found.outcome.job.dataset.take(np.arange(1197)))["logits"].argmax(axis=1)
    with np.load(tmp_path / "answers.npz") as archive:
        differ = np.count_nonzero(archive["logits"].argmax(axis=1) != wanted)
    assert differ <= OTHERWISE


def test_a_change_to_any_stage_is_found(found: Found) -> None:
    bundle = found.bundle
    for stage in bundle.manifest.chosen.stages:
        path = bundle.folder / str(stage.model)
        content = path.read_bytes()
        path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
        try:
            done = tradewind("verify", bundle.folder)
        finally:
            path.write_bytes(content)
        assert done.code == 2
        assert str(stage.model) in done.err


def test_the_server_answers_and_counts_what_escalates(found: Found) -> None:
    job = found.outcome.job
    images = job.dataset.take(np.arange(60))["image"]
    with found.outcome.chosen.plan.compile() as runner:
        wanted = runner({"image": images})["logits"]
        counted = runner.answered
    with serving(found.bundle.folder) as (url, _):
        answers = infer(url, "digits", "image", "FP32", images)
        with urllib.request.urlopen(f"{url}/metrics", timeout=10) as response:
            text = response.read().decode()
    np.testing.assert_allclose(answers, wanted, atol=1e-3)
    shown = [
        float(line.split()[-1])
        for line in text.splitlines()
        if line.startswith("tradewind_stage_examples_total{")
    ]
    # one request: nothing that warmed the stages up was counted
    assert shown == list(counted)


def test_it_can_be_timed_against_the_original(found: Found) -> None:
    done = tradewind(
        "bench", found.folder / "digits.onnx", found.bundle.folder,
        "--data", found.folder / "digits.npz", "--time", "3s", "--json",
    )  # fmt: skip
    assert done.code == 0, done.err
    engines = {line["engine"] for line in done.document["results"]}
    assert any(", then " in engine for engine in engines)
