"""Certificates of a bundle, given once more."""

import itertools
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from tests.cli.child import tradewind
from tests.cli.samples import CLASSES, FEATURES, contents, features, scores, write_by_hand

from tradewind.bundle import Bundle, open_bundle, write_bundle
from tradewind.data import ArrayDataset, split
from tradewind.errors import BundleError, SettingError
from tradewind.evidence import Certificate, PairedCounts, certify_with_labels
from tradewind.model import Model, Origin
from tradewind.search import SearchSettings, recertify, renewed
from tradewind.tensors import Array

SEED = 3
COUNT = 3000


def _graph(weight: Array, detours: int) -> onnx.ModelProto:
    """Return x [N, 8] -> logits [N, 3], by way of products that change nothing."""
    names = ["x", *[f"h{number}" for number in range(detours)]]
    nodes = [
        helper.make_node("MatMul", [before, "one"], [after])
        for before, after in itertools.pairwise(names)
    ]
    graph = helper.make_graph(
        [*nodes, helper.make_node("MatMul", [names[-1], "w"], ["logits"])],
        "detour",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", FEATURES])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["N", CLASSES])],
        [
            numpy_helper.from_array(np.eye(FEATURES, dtype=np.float32), "one"),
            numpy_helper.from_array(weight, "w"),
        ],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


@pytest.fixture
def kept(tmp_path: Path, random: np.random.Generator) -> tuple[Bundle, ArrayDataset]:
    """A bundle of a slow original and a lean variant that answers a little differently."""
    weight = random.standard_normal((FEATURES, CLASSES)).astype(np.float32)
    path = tmp_path / "model.onnx"
    onnx.save(_graph(weight, 300), path)
    shifted = weight + (0.002 * random.standard_normal(weight.shape)).astype(np.float32)
    lean = Model.from_proto(_graph(shifted, 0), Origin("onnx", "lean.onnx"))
    x = features(random, COUNT)
    data = ArrayDataset({"x": x}, scores(path, {"x": x}).argmax(axis=1))
    made = open_bundle(write_by_hand(tmp_path, path))
    original = made.manifest.chosen
    counts = PairedCounts(1000, 1, 0)
    chosen = replace(
        original,
        variant="lean",
        passes=("lean",),
        model="models/lean.onnx",
        model_digest=lean.digest,
        certificate=certify_with_labels(counts, 0.01, 0.95),
    )
    parts = split(data, SEED)
    manifest = replace(
        made.manifest,
        chosen=chosen,
        variants=(original, chosen),
        tested=("lean",),
        source=replace(made.manifest.source, data_digest=data.digest),
        splits=replace(made.manifest.splits, seed=SEED, digest=parts.digest),
    )
    models = {"models/original.onnx": made.model(original), "models/lean.onnx": lean}
    write_bundle(made.folder, manifest, models, "<!doctype html>")
    return open_bundle(made.folder), data


def _expected(bundle: Bundle, data: ArrayDataset, indices: Array) -> Certificate:
    """Return the certificate that counting by hand gives."""
    right = []
    for record in (bundle.manifest.baseline, bundle.manifest.chosen):
        with bundle.compile(record) as runner:
            answers = runner(data.take(indices))["logits"].argmax(axis=1)
        assert data.labels is not None
        right.append(answers == data.labels[indices])
    return certify_with_labels(PairedCounts.from_correct(*right), 0.01, 0.95)


def test_the_same_examples_are_asked_again(kept: tuple[Bundle, ArrayDataset]) -> None:
    bundle, data = kept
    outcome = recertify(bundle, data, SearchSettings(10.0))
    found = outcome.chosen
    assert found.name == "lean"
    assert found.certificate == _expected(bundle, data, split(data, SEED).certify)
    manifest = renewed(bundle.manifest, outcome, "again")
    assert manifest.splits.digest == bundle.manifest.splits.digest
    assert manifest.tested == ("lean",)
    assert manifest.chosen.certificate == found.certificate
    assert manifest.chosen.throughput_per_s is not None
    assert manifest.source == replace(bundle.manifest.source, data="memory", examples=COUNT)


def test_new_examples_are_all_asked(
    kept: tuple[Bundle, ArrayDataset], random: np.random.Generator
) -> None:
    bundle, _ = kept
    x = features(random, 1500)
    with bundle.compile(bundle.manifest.baseline) as runner:
        label = runner({"x": x})["logits"].argmax(axis=1)
    new = ArrayDataset({"x": x}, label)
    outcome = recertify(bundle, new, SearchSettings(10.0, seed=9))
    certify = split(new, 9, calibrate=0, select=200).certify
    assert len(certify) == 1300
    assert [trial.name for trial in outcome.trials] == ["original", "lean"]
    assert outcome.trials[1].certificate == _expected(bundle, new, certify)


def test_a_variant_that_fails_on_new_examples_is_not_chosen(
    kept: tuple[Bundle, ArrayDataset], random: np.random.Generator
) -> None:
    bundle, _ = kept
    x = features(random, 100_000)
    with bundle.compile(bundle.manifest.baseline) as runner:
        ranked = np.sort(runner({"x": x})["logits"], axis=1)
        doubtful = np.argsort(ranked[:, -1] - ranked[:, -2])[:1500]  # where little decides
        x = x[doubtful]
        label = runner({"x": x})["logits"].argmax(axis=1)
    outcome = recertify(bundle, ArrayDataset({"x": x}, label), SearchSettings(10.0))
    certificate = outcome.trials[1].certificate
    assert certificate is not None
    assert not certificate.certified
    assert outcome.chosen.is_baseline
    assert "not certified" in {one.variant: one.why for one in outcome.refused}["lean"]


def test_a_bundle_that_does_not_say_the_order_needs_new_examples(
    kept: tuple[Bundle, ArrayDataset],
) -> None:
    bundle, data = kept
    silent = Bundle(bundle.folder, replace(bundle.manifest, tested=()))
    with pytest.raises(BundleError, match="the order in which its variants were tested"):
        recertify(silent, data, SearchSettings(10.0))


def test_a_promise_about_groups_needs_groups(kept: tuple[Bundle, ArrayDataset]) -> None:
    bundle, data = kept
    certificate = bundle.manifest.chosen.certificate
    assert certificate is not None
    chosen = replace(bundle.manifest.chosen, certificate=replace(certificate, unit="group"))
    grouped = Bundle(bundle.folder, replace(bundle.manifest, chosen=chosen))
    with pytest.raises(SettingError, match="--group"):
        recertify(grouped, data, SearchSettings(10.0))


def test_the_command_writes_another_bundle(
    kept: tuple[Bundle, ArrayDataset], tmp_path: Path
) -> None:
    bundle, data = kept
    before = contents(bundle.folder)
    np.savez(tmp_path / "data.npz", **data.take(np.arange(COUNT)), label=data.labels)  # type: ignore[arg-type]
    asked = ("recertify", bundle.folder, "--data", tmp_path / "data.npz", "--time", "10s")
    done = tradewind(*asked, "--json")
    assert done.code == 0, done.err
    assert contents(bundle.folder) == before
    target = tmp_path / "model.renewed.tw"
    assert done.document["bundle"] == str(target)
    assert done.document["chosen"]["certificate"]["certified"]
    opened = open_bundle(target)
    with opened.compile() as runner:
        assert runner(data.take(np.arange(5)))["logits"].shape == (5, CLASSES)
    again = tradewind(*asked)
    assert again.code == 2
    assert "add `--overwrite`" in again.err
    assert json.loads((target / "manifest.json").read_text())["tested"] == ["lean"]
