from pathlib import Path

import numpy as np
import openvino as ov
import pytest
from openvino import opset14 as op
from tests.cases.cifar import load_cifar
from tests.cases.imports import IMPORTS
from tests.importers.rewriting import rewritten

from tradewind.engines import OnnxRuntime
from tradewind.errors import ModelError
from tradewind.importers.openvino import OpenVinoImporter
from tradewind.model import Model
from tradewind.tensors import Datatype, TensorSpec


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    """A small network as IR."""
    random = np.random.default_rng(0)
    x = op.parameter([-1, 3, 8, 8], np.float32, "image")
    x.output(0).set_names({"image"})
    weights = random.normal(size=(4, 3, 3, 3)).astype(np.float32)
    seen = op.relu(op.convolution(x, weights, [1, 1], [1, 1], [1, 1], [1, 1]))
    pooled = op.reduce_mean(seen, np.array([2, 3]), False)
    logits = op.matmul(pooled, random.normal(size=(4, 5)).astype(np.float32), False, False)
    logits.output(0).set_names({"logits"})
    path = tmp_path / "small.xml"
    ov.save_model(ov.Model([logits], [x], "small"), path, compress_to_fp16=False)
    return path


def load(path: Path) -> Model:
    importer = OpenVinoImporter()
    assert importer.matches(path)
    return importer.load(path)


def test_a_file_keeps_its_names_and_answers(saved: Path) -> None:
    model = load(saved)
    assert model.signature.inputs == (TensorSpec("image", Datatype.FP32, ("N", 3, 8, 8)),)
    assert [spec.name for spec in model.signature.outputs] == ["logits"]
    assert model.origin.framework == "openvino"
    image = np.random.default_rng(1).normal(size=(2, 3, 8, 8)).astype(np.float32)
    wanted = ov.Core().compile_model(saved, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})(image)[0]
    with OnnxRuntime(threads=1).compile(model) as runner:
        # sums of 27 products in another order
        np.testing.assert_allclose(runner({"image": image})["logits"], wanted, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", ["kwt1/kwt1_feat", "cifar10_resnets/resnet20", "dtln/model_1"])
@pytest.mark.parametrize("is_half", [False, True])
def test_real_networks_are_imported(
    shared_data: Path, tmp_path: Path, name: str, is_half: bool
) -> None:
    path = tmp_path / f"{Path(name).name}.xml"
    ov.save_model(ov.convert_model(shared_data / f"{name}.onnx"), path, compress_to_fp16=is_half)
    model = load(path)
    assert model.origin.parity is not None
    form = "IR, float16" if is_half else "IR"
    IMPORTS.record("OpenVINO", form, Path(name).name, model)


def test_a_quantized_network_is_right_as_often(shared_data: Path, tmp_path: Path) -> None:
    import nncf

    images, labels = load_cifar(shared_data, 400)
    graph = ov.Core().read_model(shared_data / "cifar10_resnets" / "resnet20.onnx")
    samples = nncf.Dataset([images[i : i + 1] for i in range(100)])
    path = tmp_path / "resnet20.xml"
    ov.save_model(nncf.quantize(graph, samples, subset_size=100), path)
    model = load(path)
    kinds = [node.op_type for node in model.to_proto().graph.node]
    assert kinds.count("QuantizeLinear") >= 20
    assert set(kinds).isdisjoint({"Round", "Cast"})  # every step is a pair of Q and DQ
    with OnnxRuntime(threads=1).compile(model) as runner:
        got = runner({"input": images})["logits"]
    wanted = ov.Core().compile_model(path, "CPU")(images)[0]
    right = [(answer.argmax(1) == labels).mean() for answer in (got, wanted)]
    # sums that round to another step turn one picture in a hundred over
    assert abs(right[0] - right[1]) <= 0.01
    IMPORTS.record("OpenVINO", "IR, int8 by NNCF", "resnet20", model)


@pytest.mark.parametrize("kind", ["INT8_ASYM", "INT4_SYM"])
def test_compressed_weights_are_unpacked(shared_data: Path, tmp_path: Path, kind: str) -> None:
    import nncf

    graph = ov.Core().read_model(shared_data / "kwt1" / "kwt1_feat.onnx")
    mode = nncf.CompressWeightsMode[kind]
    settings = {"group_size": -1} if kind == "INT4_SYM" else {}
    path = tmp_path / "kwt.xml"
    ov.save_model(nncf.compress_weights(graph, mode=mode, **settings), path)
    IMPORTS.record("OpenVINO", f"IR, weights {kind}", "kwt1_feat", load(path))


@pytest.mark.parametrize("levels", [255, 256, 16])
@pytest.mark.parametrize("low", [0.0, -1.0, -0.37])
def test_fake_quantization_gives_the_same_steps(
    levels: int, low: float, random: np.random.Generator
) -> None:
    high = 1.0 if levels != 256 or low != -1.0 else 127 / 128
    x = op.parameter([-1, 64], np.float32)
    limits = [np.float32(low), np.float32(high)] * 2
    model = rewritten(ov.Model([op.fake_quantize(x, *limits, levels)], [x]))
    values = random.uniform(-1.5, 1.5, (32, 64)).astype(np.float32)
    with OnnxRuntime(threads=1).compile(model) as runner:
        got = next(iter(runner({model.signature.inputs[0].name: values}).values()))
    step = (high - low) / (levels - 1)
    cut = np.clip(values.astype(np.float64), low, high)
    wanted = np.round((cut - low) / step) * step + low
    # a zero point off the grid moves by less than a hundredth of a step; a half may go either way
    error = np.abs(got - wanted)
    assert np.quantile(error, 0.99) <= 0.011 * step + 1e-6
    assert error.max() <= 1.02 * step


def test_several_outputs_of_one_value_keep_their_names(tmp_path: Path) -> None:
    x = op.parameter([-1, 4], np.float32, "x")
    model = rewritten(ov.Model([op.relu(x), x], [x], "two"))
    assert len({spec.name for spec in model.signature.outputs}) == 2


def test_an_operator_without_converter_is_named() -> None:
    x = op.parameter([2, 3, 8, 2], np.float32)
    with pytest.raises(ModelError, match="got DFT"):
        rewritten(ov.Model([op.dft(x, np.array([1]))], [x]))


def test_a_state_is_refused(tmp_path: Path) -> None:
    x = op.parameter([1, 4], np.float32)
    read = ov.opset6.read_value(np.zeros((1, 4), np.float32), "state")
    total = op.add(x, read)
    graph = ov.Model([op.result(total)], [ov.opset6.assign(total, "state")], [x], "stateful")
    with pytest.raises(ModelError, match="Assign, ReadValue"):
        rewritten(graph)


def test_entities_are_refused_before_anything_reads_them(saved: Path) -> None:
    laughs = '<!DOCTYPE l [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'
    text = saved.read_text()
    saved.write_text(text.replace("<net ", f"{laughs}<net ", 1))
    with pytest.raises(ModelError, match="document type"):
        load(saved)


def test_another_encoding_is_refused(saved: Path) -> None:
    text = saved.read_text()
    saved.write_bytes(text[:200].encode() + text[200:].encode("utf-16"))
    with pytest.raises(ModelError, match="UTF-8"):
        load(saved)


def test_missing_weights_are_named(saved: Path) -> None:
    saved.with_suffix(".bin").unlink()
    with pytest.raises(ModelError, match=r"small\.bin"):
        load(saved)


@pytest.mark.parametrize("size", [0, 100, 431])
def test_weights_that_are_cut_off_are_refused(saved: Path, size: int) -> None:
    weights = saved.with_suffix(".bin")
    weights.write_bytes(weights.read_bytes()[:size])
    with pytest.raises(ModelError, match="cut off"):
        load(saved)


def test_weights_of_another_model_are_refused(saved: Path) -> None:
    with saved.with_suffix(".bin").open("ab") as file:
        file.write(b"\0" * 2**16)
    with pytest.raises(ModelError, match="another model"):
        load(saved)


def test_a_link_out_of_the_folder_is_refused(saved: Path, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    secret = saved.with_suffix(".bin").rename(tmp_path / "secret.bin")
    moved = saved.rename(folder / "small.xml")
    moved.with_suffix(".bin").symlink_to(secret)
    with pytest.raises(ModelError, match="a link to"):
        load(moved)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('offset="0"', 'offset="-8"'),
        ('offset="0"', 'offset="18446744073709551615"'),
        ('offset="0"', 'offset="many"'),
        ('type="Convolution"', 'type="Nonsense"'),
        ("<edges>", ""),
        ('version="opset1"', 'version="opset99"'),
        ('pads_begin="1, 1"', 'pads_begin="1, 1, 1"'),
    ],
)
def test_damage_is_reported(saved: Path, old: str, new: str) -> None:
    text = saved.read_text()
    assert old in text
    saved.write_text(text.replace(old, new, 1))
    with pytest.raises(ModelError):
        load(saved)


@pytest.mark.parametrize("share", [0.3, 0.9])
def test_a_graph_that_is_cut_off_is_refused(saved: Path, share: float) -> None:
    content = saved.read_bytes()
    saved.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(ModelError):
        load(saved)


def test_other_xml_is_not_taken(tmp_path: Path) -> None:
    other = tmp_path / "other.xml"
    other.write_text('<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>')
    assert not OpenVinoImporter().matches(other)
