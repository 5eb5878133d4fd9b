"""What the search answers where little can be gained, shown or told."""

import re
from pathlib import Path

import numpy as np
import onnx
import pytest
from tests.cli.child import tradewind
from tests.cli.samples import Sample, convolution, dense, features, scores, write_sample

from tradewind import Budget, Outcome, load_model, optimize, pack, page, write_bundle
from tradewind.bundle import open_bundle
from tradewind.data import ArrayDataset
from tradewind.search import SearchSettings


def _is_exact(outcome: Outcome) -> bool:
    return outcome.chosen.is_baseline or outcome.chosen.is_original


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> tuple[Outcome, Outcome]:
    """Two searches alike, on a network too small for int8 to pay, without labels."""
    random = np.random.default_rng()
    folder = tmp_path_factory.mktemp("tiny")
    onnx.save(dense(random, layers=3), folder / "model.onnx")
    model = load_model(folder / "model.onnx")
    data = ArrayDataset({"x": features(random, 2000)})
    budget = Budget(metric="agreement", max_drop=0.02)
    first, second = (
        optimize(model, data, budget, SearchSettings(6.0, "quick", seed=5)) for _ in range(2)
    )
    return first, second


def test_int8_that_is_slower_is_not_the_answer(tiny: tuple[Outcome, Outcome]) -> None:
    for outcome in tiny:
        assert _is_exact(outcome)
        assert "int8" not in outcome.chosen.name


def test_without_labels_nothing_is_right_or_wrong(tiny: tuple[Outcome, Outcome]) -> None:
    for outcome in tiny:
        assert outcome.baseline.loss is None
        for trial in outcome.trials:
            assert trial.certificate is None or trial.certificate.kind == "agreement"


def test_the_same_seed_divides_and_counts_alike(tiny: tuple[Outcome, Outcome]) -> None:
    first, second = tiny
    assert first.job.splits.digest == second.job.splits.digest
    again = {trial.name: trial for trial in second.trials}
    for trial in first.trials:
        other = again.get(trial.name)
        if (
            other is None
            or trial.plan.last.graph.model.digest != other.plan.last.graph.model.digest
        ):
            continue
        if trial.certificate and other.certificate and trial.certificate.n == other.certificate.n:
            assert trial.certificate == other.certificate
        if trial.select and other.select and trial.select.n == other.select.n:
            assert trial.select == other.select


def test_every_refusal_says_why(tiny: tuple[Outcome, Outcome]) -> None:
    for outcome in tiny:
        assert outcome.reason
        assert all(refusal.why for refusal in outcome.refused)


def test_with_too_few_examples_the_answer_is_exact(
    tmp_path: Path, random: np.random.Generator
) -> None:
    sample = write_sample(tmp_path, random, count=100)
    done = tradewind("optimize", sample.model, "--data", sample.data, "--time", "5s", "--json")
    assert done.code == 0, done.err
    found = done.document
    assert "nothing can be certified" in " ".join(done.err.split())
    assert re.search(r"at least 299", " ".join(done.err.split()))
    assert found["chosen"]["certificate"] is None or not found["chosen"]["certificate"]["certified"]
    assert "quantize" not in " ".join(found["chosen"]["passes"])
    assert not any(one["certificate"]["certified"] for one in found["variants"]
                   if one["certificate"])  # fmt: skip


def test_a_scikit_learn_pipeline_is_taken_as_it_is(
    tmp_path: Path, random: np.random.Generator
) -> None:
    pytest.importorskip("skl2onnx", reason='needs pip install "tradewind[sklearn]"')
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    x = features(random, 900)
    label = (x[:, 0] + 0.3 * random.standard_normal(900) > 0).astype(np.int64)
    pipeline = make_pipeline(StandardScaler(), LogisticRegression()).fit(x[:300], label[:300])
    model = load_model(pipeline)
    [spec] = model.signature.inputs
    data = ArrayDataset({spec.name: x[300:]}, label[300:])
    outcome = optimize(model, data, Budget(max_drop=0.05), SearchSettings(5.0, "quick"))
    manifest, models = pack(outcome, "in memory")
    write_bundle(tmp_path / "pipeline.tw", manifest, models, page(manifest))
    bundle = open_bundle(tmp_path / "pipeline.tw")
    assert bundle.manifest.source.framework == "scikit-learn"
    with bundle.compile() as runner:
        answers = next(iter(runner({spec.name: x[300:]}).values()))
    wanted = pipeline.predict(x[300:])
    agree = np.mean(answers.reshape(len(wanted), -1)[:, -1].round() == wanted)
    assert agree > 0.95  # the budget; rounding alone changes next to nothing


def test_a_table_is_searched(sample: Sample) -> None:
    import pyarrow.parquet

    with np.load(sample.data) as archive:
        x, label = archive["x"], archive["label"]
    columns = {f"f{index}": x[:, index] for index in range(8)}
    data = sample.folder / "table.parquet"
    pyarrow.parquet.write_table(pyarrow.table({**columns, "kind": label}), data)
    done = tradewind(
        "optimize", sample.model, "--data", data, "--label", "kind", "--time", "5s",
        "--effort", "quick", "--json",
    )  # fmt: skip
    assert done.code == 0, done.err
    assert done.document["budget"]["metric"] == "accuracy"
    assert done.document["source"]["examples"] == 400


def test_a_folder_of_images_brings_its_preprocessing_along(
    tmp_path: Path, random: np.random.Generator
) -> None:
    from PIL import Image

    model = tmp_path / "model.onnx"
    onnx.save(convolution(random), model)
    raw = random.integers(0, 256, (120, 8, 8, 3), dtype=np.uint8)
    ready = ((raw / 255 - 0.5) / 0.25).transpose(0, 3, 1, 2).astype(np.float32)
    labels = scores(model, {"image": ready}).argmax(axis=1)
    labels[:3] = [0, 1, 2]  # so that every class has a folder
    for index, (image, label) in enumerate(zip(raw, labels, strict=True)):
        folder = tmp_path / "images" / str(label)
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(folder / f"{index:03}.png")
    done = tradewind(
        "optimize", model, "--data", tmp_path / "images", "--time", "5s", "--effort", "quick",
        "--preprocess", "mean=.5,.5,.5;std=.25,.25,.25", "--json",
    )  # fmt: skip
    assert done.code == 0, done.err
    assert done.document["preprocessing"]["mean"] == [0.5, 0.5, 0.5]
    # read without its labels: in the order of the files
    np.savez(tmp_path / "raw.npz", image=raw)
    out = tmp_path / "answers.npz"
    done = tradewind("predict", tmp_path / "model.tw", "--in", tmp_path / "raw.npz", "--out", out)
    assert done.code == 0, done.err
    with np.load(out) as archive:
        answered = archive["scores"].argmax(axis=1)
    assert np.mean(answered[3:] == labels[3:]) > 0.97  # bf16 may turn a close call
