from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.cases import CASES, DENSE
from tests.cases.comparing import assert_close
from tests.cases.manifests import CASCADED, CHOSEN, GRAPH, LOST, MANIFEST
from tests.cases.sentences import opinion, sentences, tokenization

from tradewind.bundle import (
    TOKENIZER,
    TokenizerRecord,
    VariantRecord,
    is_bundle,
    open_bundle,
    write_bundle,
)
from tradewind.data import TEXT, Preprocessing
from tradewind.engines import OpenVINO
from tradewind.errors import BundleError


def test_what_was_written_is_read(folder: Path) -> None:
    bundle = open_bundle(folder)
    assert is_bundle(folder)
    assert bundle.manifest == MANIFEST
    assert bundle.model(CHOSEN).content == DENSE.model.content
    assert bundle.variant("original").engine == "onnxruntime"
    assert (folder / "report.html").read_text(encoding="utf-8") == "<p>report</p>"


def test_a_place_may_be_given_as_text(tmp_path: Path) -> None:
    place = str(tmp_path / "b.tw")
    write_bundle(place, MANIFEST, {GRAPH: DENSE.model}, "")
    assert open_bundle(place) == open_bundle(Path(place))


def test_every_kept_variant_answers_as_the_model_does(
    folder: Path, random: np.random.Generator
) -> None:
    bundle = open_bundle(folder)
    inputs = DENSE.inputs(random)
    for name in ("original", "original-openvino"):
        with bundle.compile(bundle.variant(name)) as runner:
            assert_close(runner(inputs), DENSE.reference(inputs), DENSE.tolerance)
    with bundle.compile() as runner:
        assert_close(runner(inputs), DENSE.reference(inputs), DENSE.tolerance)


def test_preprocessing_is_part_of_what_answers(tmp_path: Path, random: np.random.Generator) -> None:
    case = next(case for case in CASES if case.name == "residual")
    steps = Preprocessing(mean=(0.5,), std=(0.25,))
    write_bundle(tmp_path / "b.tw", replace(MANIFEST, preprocessing=steps), {GRAPH: case.model}, "")
    images = random.integers(0, 256, (3, 10, 10, 3)).astype(np.uint8)
    with open_bundle(tmp_path / "b.tw").compile() as runner:
        answers = runner({"image": images})
    assert_close(answers, case.reference({"image": steps.apply(images)}), case.tolerance)


def test_a_tokenizer_is_part_of_what_answers(tmp_path: Path) -> None:
    pytest.importorskip("tokenizers", reason="no tokenizers: they come with the extra `text`")
    steps = tokenization()
    manifest = replace(MANIFEST, tokenization=TokenizerRecord.of(steps))
    texts = {TOKENIZER: steps.tokenizer}
    write_bundle(tmp_path / "b.tw", manifest, {GRAPH: opinion()}, "", texts)
    bundle = open_bundle(tmp_path / "b.tw")
    assert bundle.steps == steps
    with bundle.compile() as runner:
        answers = runner({TEXT: sentences("good", "a bad bad film")})
    assert answers["scores"].tolist() == [[0, 1], [2, 0]]
    (tmp_path / "b.tw" / TOKENIZER).write_text(steps.tokenizer.replace("good", "fine"))
    with pytest.raises(BundleError, match="every byte as it was written"):
        open_bundle(tmp_path / "b.tw")


def test_a_tokenizer_outside_of_the_bundle_is_refused(tmp_path: Path) -> None:
    record = replace(TokenizerRecord.of(tokenization()), file="../secret.json")
    (tmp_path / "secret.json").write_text("{}")
    manifest = replace(MANIFEST, tokenization=record)
    write_bundle(tmp_path / "b.tw", manifest, {GRAPH: opinion()}, "")
    with pytest.raises(BundleError, match="a file inside the bundle"):
        open_bundle(tmp_path / "b.tw").compile()


def test_a_variant_that_was_not_kept_is_named(folder: Path) -> None:
    bundle = open_bundle(folder)
    with pytest.raises(BundleError, match="int8: expected a variant that was kept"):
        bundle.model(LOST)
    with pytest.raises(BundleError, match="one of original, original-openvino, got int9"):
        bundle.variant("int9")


def test_a_cascade_answers_with_all_its_stages(tmp_path: Path, random: np.random.Generator) -> None:
    manifest = replace(MANIFEST, chosen=CASCADED, variants=(*MANIFEST.variants, CASCADED))
    write_bundle(tmp_path / "c.tw", manifest, {GRAPH: DENSE.model}, "")
    bundle = open_bundle(tmp_path / "c.tw")
    inputs = DENSE.inputs(random, 20)
    assert bundle.model(bundle.manifest.chosen).content == DENSE.model.content
    with bundle.compile() as runner:
        assert_close(runner(inputs), DENSE.reference(inputs), DENSE.tolerance)
        assert sum(runner.answered) == 20
    scores = DENSE.reference(inputs)["logits"] / 1.3
    shares = np.sort(np.exp(scores), axis=1) / np.exp(scores).sum(axis=1, keepdims=True)
    sure = int(np.count_nonzero(shares[:, -1] - shares[:, -2] >= 0.5))
    assert runner.answered == (sure, 20 - sure)


def test_a_cascade_without_a_stage_is_refused(folder: Path) -> None:
    bundle = open_bundle(folder)
    first, last = CASCADED.stages
    with pytest.raises(BundleError, match="expected a variant that was kept"):
        bundle.compile(replace(CASCADED, stages=(replace(first, model=None), last)))
    with pytest.raises(BundleError, match="a file inside the bundle"):
        bundle.compile(replace(CASCADED, stages=(first, replace(last, model="../x.onnx"))))
    with pytest.raises(BundleError, match="stages that fit each other"):
        bundle.compile(replace(CASCADED, stages=(replace(first, rule=None), last)))


@pytest.mark.parametrize("name", ["../outside.onnx", "models/../../outside.onnx", "/etc/passwd"])
def test_a_model_outside_the_bundle_is_not_read(folder: Path, name: str) -> None:
    (folder.parent / "outside.onnx").write_bytes(DENSE.model.content)
    with pytest.raises(BundleError, match="a file inside the bundle"):
        open_bundle(folder).model(replace(CHOSEN, model=name))


def test_a_model_that_is_missing_is_named(folder: Path) -> None:
    with pytest.raises(BundleError, match=r"gone\.onnx"):
        open_bundle(folder).model(replace(CHOSEN, model="models/gone.onnx"))


@pytest.mark.parametrize(
    ("record", "where"),
    [
        (replace(CHOSEN, engine="tensorrt"), "engine"),
        (replace(CHOSEN, settings={"threads": "many"}), "settings"),
        (replace(CHOSEN, settings={"threads": -1}), "settings"),
    ],
)
def test_an_engine_that_is_not_here_is_named(record: VariantRecord, where: str) -> None:
    with pytest.raises(BundleError, match=f"original on OpenVINO: {where}"):
        record.to_engine()


def test_the_engine_comes_back_with_its_settings() -> None:
    assert CHOSEN.to_engine() == OpenVINO(batch_sizes=(1, 4))


def test_the_certificate_holds_on_this_machine_and_is_doubted_on_another(folder: Path) -> None:
    bundle = open_bundle(folder)
    assert bundle.doubts() == []
    hardware = replace(MANIFEST.hardware, isa=("sse4_2",))
    elsewhere = replace(bundle, manifest=replace(MANIFEST, hardware=hardware))
    assert "instruction set" in elsewhere.doubts()[0]


@pytest.mark.parametrize("kind", ["nothing", "file", "folder"])
def test_what_is_no_bundle_is_refused(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "thing"
    if kind == "file":
        path.write_bytes(b"x")
    if kind == "folder":
        path.mkdir()
    assert not is_bundle(path)
    with pytest.raises(BundleError, match="thing"):
        open_bundle(path)
