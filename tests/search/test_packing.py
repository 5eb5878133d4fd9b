from dataclasses import replace
from pathlib import Path

from tests.search.stage import baseline, job, trial

from tradewind.bundle import Refusal, open_bundle, write_bundle
from tradewind.bundle.manifest import read_manifest
from tradewind.engines import OnnxRuntime
from tradewind.evidence import PairedCounts, certify_with_labels
from tradewind.model import Parity
from tradewind.runners import Margin, Scores
from tradewind.search import Outcome, pack
from tradewind.search.candidates import Graph
from tradewind.search.plans import Plan


def _outcome() -> Outcome:
    original = baseline()
    exact = trial("original-openvino", 0.5, is_exact=True)
    good, lost = trial("int8-onnxruntime", 0.2), trial("bad-onnxruntime", 0.1)
    lost.plan = Plan.alone(lost.plan.last.graph, OnnxRuntime(threads=1))
    good.certificate = certify_with_labels(PairedCounts(5000, 3, 1), 0.01, 0.95)
    good.loss = 0.1
    # an empty graph at the end merges into the one before: other bytes, the same model
    graph = good.plan.last.graph
    model = replace(graph.model, content=graph.model.content + b"\x3a\x00")
    good.plan = Plan.alone(Graph(graph.steps, model, "int8"), OnnxRuntime(threads=1))
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


def test_the_parity_of_an_import_is_kept() -> None:
    outcome = _outcome()
    parity = Parity(80, 2e-6, 1e-4, 0.0)
    model = replace(outcome.job.model, origin=replace(outcome.job.model.origin, parity=parity))
    outcome.job = replace(outcome.job, model=model)
    manifest, _ = pack(outcome, "tradewind optimize x")
    assert manifest.source.parity == parity
    assert read_manifest(manifest.to_json(), "here").source.parity == parity


def test_what_is_packed_reads_back(tmp_path: Path) -> None:
    manifest, models = pack(_outcome(), "tradewind optimize")
    write_bundle(tmp_path / "m.tw", manifest, models, "<!doctype html>")
    bundle = open_bundle(tmp_path / "m.tw")
    assert bundle.manifest == manifest
    assert bundle.manifest.chosen.to_engine() == OnnxRuntime(threads=1)
    with bundle.compile() as runner:
        assert runner.signature == models[manifest.baseline.model or ""].signature


def _with_cascade() -> Outcome:
    outcome = _outcome()
    good, lost = outcome.trials[2:]
    rule = Margin(Scores("logits"), 0.25, 1.5)
    original = outcome.baseline.plan.last
    both = replace(good, plan=Plan((lost.plan.last, original), (rule,)), name="both-12")
    both.answered = (0.88, 0.12)
    return replace(outcome, trials=[*outcome.trials, both], chosen=both)


def test_all_stages_of_a_cascade_are_kept(tmp_path: Path) -> None:
    outcome = _with_cascade()
    manifest, models = pack(outcome, "tradewind optimize")
    chosen = manifest.chosen
    assert (chosen.variant, chosen.engine, chosen.model) == ("both-12", "cascade", None)
    assert chosen.escalated == 0.12
    assert chosen.is_kept
    assert [models[stage.model or ""].digest for stage in chosen.stages] == [
        stage.graph.model.digest for stage in outcome.chosen.plan.stages
    ]
    write_bundle(tmp_path / "m.tw", manifest, models, "<!doctype html>")
    bundle = open_bundle(tmp_path / "m.tw")
    assert bundle.manifest == manifest
    rule = bundle.manifest.chosen.stages[0].rule
    assert rule is not None
    assert rule.to_rule() == outcome.chosen.plan.rules[0]
    with bundle.compile() as runner:
        assert len(runner.parts) == 2


def test_a_cascade_that_was_not_kept_names_no_graphs() -> None:
    outcome = _with_cascade()
    outcome.trials[-1].certificate = None
    manifest, _ = pack(replace(outcome, chosen=outcome.baseline), "tradewind optimize")
    assert not manifest.variants[-1].is_kept
    assert all(stage.model is None for stage in manifest.variants[-1].stages)


def test_the_digest_of_a_cascade_binds_graphs_engines_and_thresholds() -> None:
    outcome = _with_cascade()
    plan = outcome.chosen.plan
    first, last = plan.stages
    plans = [
        plan,
        replace(plan, rules=(plan.rules[0].at(0.26),)),
        replace(plan, stages=(first, replace(last, engine=OnnxRuntime(threads=2)))),
        replace(plan, stages=(replace(first, graph=outcome.trials[2].plan.last.graph), last)),
    ]
    digests = set()
    for each in plans:
        outcome.chosen.plan = each
        digests.add(pack(outcome, "")[0].chosen.model_digest)
    assert len(digests) == len(plans)
