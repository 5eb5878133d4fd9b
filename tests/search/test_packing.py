from dataclasses import replace
from pathlib import Path

from tests.search.stage import baseline, job, trial

from tradewind.bundle import Refusal, open_bundle, write_bundle
from tradewind.engines import OnnxRuntime
from tradewind.evidence import PairedCounts, certify_with_labels
from tradewind.search import Outcome, pack
from tradewind.search.candidates import Graph


def _outcome() -> Outcome:
    original = baseline()
    exact = trial("original-openvino", 0.5, is_exact=True)
    good, lost = trial("int8-onnxruntime", 0.2), trial("bad-onnxruntime", 0.1)
    good.engine = lost.engine = OnnxRuntime(threads=1)
    good.certificate = certify_with_labels(PairedCounts(5000, 3, 1), 0.01, 0.95)
    good.loss = 0.1
    # an empty graph at the end merges into the one before: other bytes, the same model
    model = replace(good.graph.model, content=good.graph.model.content + b"\x3a\x00")
    good.graph = Graph(good.graph.steps, model, "int8")
    trials = [original, exact, good, lost]
    refused = [Refusal("bad-onnxruntime", "loses 5.0%")]
    return Outcome(job(seed=3), original, good, "because", trials, refused, False, 12.5)


def test_every_variant_has_one_record() -> None:
    manifest, _ = pack(_outcome(), "tradewind optimize")
    names = [record.variant for record in manifest.variants]
    assert names == ["original", "original-openvino", "int8-onnxruntime", "bad-onnxruntime"]
    assert manifest.baseline == manifest.variants[0]
    assert manifest.chosen == manifest.variants[2]


def test_the_original_the_chosen_and_the_certified_are_kept() -> None:
    manifest, models = pack(_outcome(), "tradewind optimize")
    kept = {record.variant: record.model for record in manifest.variants if record.model}
    assert kept.keys() == {"original", "int8-onnxruntime"}
    assert set(kept.values()) == set(models)
    for record in manifest.variants:
        if record.model is not None:
            assert models[record.model].digest == record.model_digest


def test_the_record_says_what_went_in() -> None:
    outcome = _outcome()
    manifest, _ = pack(outcome, "tradewind optimize x")
    assert manifest.command == "tradewind optimize x"
    assert manifest.reason == "because"
    assert not manifest.is_complete
    assert manifest.source.model_digest == outcome.job.model.digest
    assert manifest.source.data_digest == outcome.job.dataset.digest
    assert manifest.splits.digest == outcome.job.splits.digest
    assert (manifest.splits.seed, manifest.elapsed_s) == (3, 12.5)
    assert manifest.refused == (Refusal("bad-onnxruntime", "loses 5.0%"),)


def test_what_is_packed_reads_back(tmp_path: Path) -> None:
    manifest, models = pack(_outcome(), "tradewind optimize")
    write_bundle(tmp_path / "m.tw", manifest, models, "<!doctype html>")
    bundle = open_bundle(tmp_path / "m.tw")
    assert bundle.manifest == manifest
    assert bundle.manifest.chosen.to_engine() == OnnxRuntime(threads=1)
    with bundle.compile() as runner:
        assert runner.signature == models[manifest.baseline.model or ""].signature
