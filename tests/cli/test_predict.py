from pathlib import Path

import numpy as np
import onnx
import pyarrow.csv
import pyarrow.parquet
import pytest
from PIL import Image
from tests.cases.sentences import opinion, tokenization
from tests.cli.child import tradewind
from tests.cli.conftest import Quick
from tests.cli.samples import Sample, contents, convolution, dense, features, scores, write_by_hand

from tradewind.data import Preprocessing, carry
from tradewind.model import Model
from tradewind.tensors import Array

TOLERANCE = 1e-5
"""Of scores around 1, computed by the same kernels in batches of another size."""


def answers(path: Path, name: str = "logits") -> Array:
    """Read what `predict` wrote, in any of its formats."""
    if path.suffix == ".npz":
        with np.load(path, allow_pickle=False) as archive:
            return np.asarray(archive[name])
    read = pyarrow.csv.read_csv if path.suffix == ".csv" else pyarrow.parquet.read_table
    table = read(path)
    columns = [column.to_numpy() for column in table.columns]
    assert table.column_names == [f"{name}_{index}" for index in range(len(columns))]
    return np.stack(columns, axis=1)


def test_sentences_are_answered_by_a_model_that_brings_its_tokenizer(
    tmp_path: Path, quick: Quick
) -> None:
    pytest.importorskip("tokenizers", reason="no tokenizers: they come with the extra `text`")
    model = opinion()
    proto = model.to_proto()
    carry(proto, tokenization())
    Model.from_proto(proto, model.origin).save(tmp_path / "model.onnx")
    (tmp_path / "data.csv").write_text("sentence\ngood\na bad film\nbad bad bad\n")
    given = ("--in", tmp_path / "data.csv", "--batch-size", 1)
    done = quick("predict", tmp_path / "model.onnx", *given, "--out", tmp_path / "out.npz")
    assert done.code == 0, done.err
    assert answers(tmp_path / "out.npz", "scores").tolist() == [[0, 1], [1, 0], [3, 0]]
    kept = answers(tmp_path / "out.npz", "kept")  # three, five and five tokens
    assert kept.shape == (3, 5, 2)
    assert kept[0].tolist() == [[0, 0], [0, 1], [0, 0], [0, 0], [0, 0]]


@pytest.mark.parametrize("ending", [".npz", ".parquet", ".csv"])
def test_answers_are_those_of_the_runtime(ending: str, sample: Sample, quick: Quick) -> None:
    out = sample.folder / f"answers{ending}"
    done = quick("predict", sample.model, "--in", sample.data, "--out", out, "--json")
    assert done.code == 0, done.err
    assert done.document["examples"] == 400
    assert done.document["outputs"] == {"logits": [400, 3]}
    with np.load(sample.data) as archive:
        wanted = scores(sample.model, {"x": archive["x"]})
    np.testing.assert_allclose(answers(out), wanted, atol=TOLERANCE)


@pytest.mark.parametrize("ending", [".parquet", ".csv"])
def test_tables_are_answered_as_arrays_are(ending: str, sample: Sample, quick: Quick) -> None:
    with np.load(sample.data) as archive:
        x = archive["x"]
    table = pyarrow.table({f"f{index}": x[:, index] for index in range(8)} | {"label": x[:, 0]})
    data = sample.folder / f"table{ending}"
    if ending == ".csv":
        pyarrow.csv.write_csv(table, data)
    else:
        pyarrow.parquet.write_table(table, data)
    out = sample.folder / "answers.npz"
    assert quick("predict", sample.model, "--in", data, "--out", out).code == 0
    np.testing.assert_allclose(answers(out), scores(sample.model, {"x": x}), atol=TOLERANCE)


def test_a_child_process_answers_with_a_bundle(bundle: Path, sample: Sample) -> None:
    out = sample.folder / "answers.npz"
    done = tradewind("predict", bundle, "--in", sample.data, "--out", out)
    assert (done.code, done.err) == (0, "")
    assert done.out == f"{out}: 400 answers, logits\n"
    assert answers(out).shape == (400, 3)


@pytest.mark.parametrize(("batch", "count"), [(1, 7), (4, 10), (16, 5)])
def test_a_fixed_batch_answers_every_example_once(
    batch: int, count: int, tmp_path: Path, random: np.random.Generator, quick: Quick
) -> None:
    model, data, out = tmp_path / "fixed.onnx", tmp_path / "data.npz", tmp_path / "answers.npz"
    proto = dense(random, batch=batch)
    onnx.save(proto, model)
    x = features(random, count)
    np.savez(data, x=x)
    assert quick("predict", model, "--in", data, "--out", out).code == 0
    # row by row through a graph of the same weights whose batch is free
    proto.graph.input[0].type.tensor_type.shape.dim[0].dim_param = "N"
    proto.graph.output[0].type.tensor_type.shape.dim[0].dim_param = "N"
    onnx.save(proto, tmp_path / "free.onnx")
    wanted = scores(tmp_path / "free.onnx", {"x": x})
    np.testing.assert_allclose(answers(out), wanted, atol=TOLERANCE)


def test_a_bundle_applies_its_preprocessing(
    tmp_path: Path, random: np.random.Generator, quick: Quick
) -> None:
    model, data, out = tmp_path / "conv.onnx", tmp_path / "raw.npz", tmp_path / "answers.npz"
    onnx.save(convolution(random), model)
    mean, std = (0.4, 0.5, 0.6), (0.2, 0.3, 0.4)
    bundle = write_by_hand(tmp_path, model, Preprocessing(size=(8, 8), mean=mean, std=std))
    raw = random.integers(0, 256, (20, 8, 8, 3), dtype=np.uint8)
    np.savez(data, image=raw)
    assert quick("predict", bundle, "--in", data, "--out", out).code == 0
    ready = ((raw / 255 - mean) / std).transpose(0, 3, 1, 2).astype(np.float32)
    wanted = scores(model, {"image": ready})
    np.testing.assert_allclose(answers(out, "scores"), wanted, atol=TOLERANCE)


def test_raw_examples_of_a_plain_model_become_what_was_said_or_what_is_told(
    tmp_path: Path, random: np.random.Generator, quick: Quick
) -> None:
    model, data, out = tmp_path / "conv.onnx", tmp_path / "raw.npz", tmp_path / "answers.npz"
    onnx.save(convolution(random), model)
    raw = random.integers(0, 256, (20, 8, 8, 3), dtype=np.uint8)
    np.savez(data, image=raw)
    plain = ("predict", model, "--in", data, "--out", out)
    for given, mean in (((), 0.0), (("--preprocess", "mean=.4"), 0.4)):
        done = quick(*plain, *given)
        assert done.code == 0, done.err
        assert ("note: raw examples become raw / 255" in done.err) == (not given)
        ready = (raw / 255 - mean).transpose(0, 3, 1, 2).astype(np.float32)
        wanted = scores(model, {"image": ready})
        np.testing.assert_allclose(answers(out, "scores"), wanted, atol=TOLERANCE)
    bundle = write_by_hand(tmp_path, model, Preprocessing(size=(8, 8)))
    done = quick("predict", bundle, "--in", data, "--out", out, "--preprocess", "mean=.4")
    assert (done.code, "brings its own" in done.err) == (2, True)


def test_a_folder_of_pictures_is_resized_as_the_bundle_says(
    tmp_path: Path, random: np.random.Generator, quick: Quick
) -> None:
    model, folder, out = tmp_path / "conv.onnx", tmp_path / "images", tmp_path / "answers.csv"
    onnx.save(convolution(random), model)
    bundle = write_by_hand(tmp_path, model, Preprocessing(size=(8, 8)))
    for name in ("cat/1.png", "cat/2.png", "dog/1.png"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        # of one colour each, so that resizing by any rule gives the same
        Image.new("RGB", (11, 9), tuple(random.integers(0, 256, 3).tolist())).save(folder / name)
    done = quick("predict", bundle, "--in", folder, "--out", out)
    assert done.code == 0, done.err
    colours = [np.asarray(Image.open(path))[0, 0] for path in sorted(folder.rglob("*.png"))]
    ready = np.stack([np.tile(colour, (8, 8, 1)) for colour in colours]).transpose(0, 3, 1, 2)
    wanted = scores(model, {"image": (ready / 255).astype(np.float32)})
    np.testing.assert_allclose(answers(out, "scores"), wanted, atol=TOLERANCE)


@pytest.mark.parametrize("name", ["file", "allow_pickle", "self", "a/b:0"])
@pytest.mark.parametrize("ending", [".npz", ".csv"])
def test_outputs_may_have_any_name(
    name: str, ending: str, tmp_path: Path, sample: Sample, random: np.random.Generator,
    quick: Quick,
) -> None:  # fmt: skip
    model, out = tmp_path / "named.onnx", tmp_path / f"answers{ending}"
    onnx.save(dense(random, output=name), model)
    assert quick("predict", model, "--in", sample.data, "--out", out).code == 0
    assert answers(out, name).shape == (400, 3)


def test_an_older_file_of_answers_is_replaced(sample: Sample, quick: Quick) -> None:
    out = sample.folder / "answers.npz"
    out.write_bytes(b"old")
    assert quick("predict", sample.model, "--in", sample.data, "--out", out).code == 0
    assert answers(out).shape == (400, 3)


@pytest.mark.parametrize("out", ["data.npz", "model.npz", "missing/a.npz", "a.txt", "folder.npz"])
def test_nothing_that_was_given_is_overwritten(
    out: str, sample: Sample, bundle: Path, quick: Quick
) -> None:
    (sample.folder / "folder.npz").mkdir()
    model = sample.model.rename(sample.folder / "model.npz")
    before = contents(sample.folder)
    done = quick("predict", model, "--in", sample.data, "--out", sample.folder / out)
    assert done.code == 2
    assert out.split("/")[0] in done.err
    assert contents(sample.folder) == before


def test_nothing_is_written_into_a_bundle(bundle: Path, sample: Sample, quick: Quick) -> None:
    before = contents(bundle)
    done = quick("predict", bundle, "--in", sample.data, "--out", bundle / "answers.npz")
    assert done.code == 2
    assert contents(bundle) == before


def test_a_bad_example_leaves_no_answers(sample: Sample, quick: Quick) -> None:
    x = np.zeros((100, 8), np.float32)
    x[77, 3] = np.nan
    np.savez(sample.data, x=x)
    before = contents(sample.folder)
    out = sample.folder / "answers.npz"
    done = quick("predict", sample.model, "--in", sample.data, "--out", out)
    assert done.code == 2
    assert "example 77" in done.err
    assert contents(sample.folder) == before


def test_a_variant_of_a_bundle_answers_by_name(
    tmp_path: Path, sample: Sample, bundle: Path, quick: Quick
) -> None:
    given = ("--in", sample.data, "--out", tmp_path / "out.npz", "--variant")
    assert quick("predict", bundle, *given, "original").code == 0
    done = quick("predict", bundle, *given, "int8")
    assert (done.code, "expected one of original, got int8" in done.err) == (2, True)
    done = quick("predict", sample.model, *given, "original")
    assert (done.code, "a bundle, which has variants" in done.err) == (2, True)
