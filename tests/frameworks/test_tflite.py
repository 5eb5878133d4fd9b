import contextlib
import secrets
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from tests.cli.child import tradewind
from tests.frameworks.running import make
from tests.frameworks.table import record

from tradewind.engines import OnnxRuntime
from tradewind.errors import ModelError
from tradewind.importers import load_model, notes_of
from tradewind.importers.conversion import Conversion
from tradewind.model import Model
from tradewind.tensors import Array

FRAMEWORK = "TensorFlow Lite"

SINGLE = ("convolution", "dense", "depthwise", "embedding", "upscaling")
SEQUENCES = ("gru", "lstm", "long_lstm")

REAL = {
    "dtln/model_1": ("input_2: FP32[1, 1, 257]", "input_3: FP32[1, 2, 128, 2]"),
    "dtln/model_2": ("input_4: FP32[1, 1, 512]", "input_5: FP32[1, 2, 128, 2]"),
    "mlperf_tiny/ad01_fp32": ("input_1: FP32[N, 640]",),
    "mlperf_tiny/ad01_int8": ("input_1: INT8[N, 640]",),
    "mlperf_tiny/kws_ref_model": ("input_1: INT8[N, 49, 10, 1]",),
    "mlperf_tiny/kws_ref_model_float32": ("input_1: FP32[N, 49, 10, 1]",),
    "mlperf_tiny/pretrainedResnet": ("input_1: FP32[N, 32, 32, 3]",),
    "mlperf_tiny/pretrainedResnet_large_float": ("input_5: FP32[N, 32, 32, 3]",),
    "mlperf_tiny/pretrainedResnet_large_int8": ("input_5: INT8[N, 32, 32, 3]",),
    "mlperf_tiny/pretrainedResnet_quant": ("input_1: INT8[N, 32, 32, 3]",),
    "mlperf_tiny/str_ww_ref_model": ("input_1: INT8[N, 30, 1, 40]",),
    "mlperf_tiny/vww_96_float": ("input_1: FP32[N, 96, 96, 3]",),
    "mlperf_tiny/vww_96_int8": ("input_1: INT8[N, 96, 96, 3]",),
}

ACCURACIES = {
    "pretrainedResnet": 0.872,
    "pretrainedResnet_quant": 0.870,
    "pretrainedResnet_large_float": 0.913,
    "pretrainedResnet_large_int8": 0.917,
}
"""Of the CIFAR-10 test images, as published; the last two are of a fifth of them."""


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tflite")
    make("tensorflow", "tensorflow_models.py", ["lite", folder])
    return folder


@pytest.fixture(autouse=True)
def interpreter(needs: Callable[[str], None]) -> None:
    needs("tflite")


def operators(model: Model) -> Counter[str]:
    return Counter(node.op_type for node in model.graph.graph)


def classes(model: Model, x: Array) -> Array:
    (spec,) = model.signature.inputs
    with OnnxRuntime(threads=1).compile(model) as runner:
        parts = [runner({spec.name: x[i : i + 500]}) for i in range(0, len(x), 500)]
    scores = np.concatenate([next(iter(part.values())) for part in parts])
    return np.asarray(scores.argmax(axis=1))


@pytest.mark.parametrize("kind", ["float", "float16", "hybrid", "int8"])
@pytest.mark.parametrize("name", SINGLE)
def test_a_network_is_imported_with_parity(files: Path, name: str, kind: str) -> None:
    model = load_model(files / f"{name}_{kind}.tflite")
    parity = model.origin.parity
    assert parity is not None
    assert model.signature.has_free_batch
    if kind != "int8":
        assert parity.largest < 1e-4
    # small weights are left alone by TensorFlow's converter
    assert bool(notes_of(model)) is (kind == "hybrid" and name == "dense")
    record(FRAMEWORK, f".tflite, {kind}", name, model)


@pytest.mark.parametrize("kind", ["float", "hybrid"])
@pytest.mark.parametrize("name", SEQUENCES)
def test_a_sequence_is_imported_with_parity(files: Path, name: str, kind: str) -> None:
    model = load_model(files / f"{name}_{kind}.tflite")
    assert model.origin.parity is not None
    # a state that a loop begins with is for one example
    assert model.signature.fixed_batch == (1 if name == "gru" else None)
    expected = {"gru": ("Loop", 2), "lstm": ("LSTM", 3), "long_lstm": ("Scan", 1)}
    op, count = expected[name]
    assert operators(model)[op] == count
    record(FRAMEWORK, f".tflite, {kind}", name, model)


def test_a_quantized_network_stays_quantized(files: Path) -> None:
    model = load_model(files / "convolution_int8.tflite")
    found = operators(model)
    assert str(model.signature.inputs[0]) == "image: INT8[N, 17, 15, 3]"
    assert found["QuantizeLinear"] >= 5
    weights = [w for w in model.graph.graph.initializers.values() if len(w.shape or ()) == 4]
    assert weights
    assert {str(weight.dtype) for weight in weights} == {"INT8"}


def test_channels_are_turned_once(files: Path) -> None:
    found = operators(load_model(files / "convolution_float.tflite"))
    assert found["Conv"] == 3
    assert found["Transpose"] == 1


@pytest.mark.parametrize("name", REAL)
def test_a_public_model_is_imported_with_parity(shared_data: Path, name: str) -> None:
    model = load_model(shared_data / f"{name}.tflite")
    assert tuple(map(str, model.signature.inputs)) == REAL[name]
    assert model.origin.parity is not None
    record(FRAMEWORK, ".tflite", Path(name).name, model)


@pytest.mark.parametrize("name", ACCURACIES)
def test_an_image_classifier_is_as_accurate_as_published(shared_data: Path, name: str) -> None:
    model = load_model(shared_data / "mlperf_tiny" / f"{name}.tflite")
    with np.load(shared_data / "cifar10" / "test.npz") as archive:
        x, label = archive["x"], archive["label"]
    is_quantized = model.signature.inputs[0].datatype == "INT8"
    ready = (x.astype(np.int16) - 128).astype(np.int8) if is_quantized else x.astype(np.float32)
    accuracy = float((classes(model, ready) == label).mean())
    # a fifth of the images was enough for the last two, with a standard error of 0.6 points
    margin = 0.012 if "large" in name else 0.001
    assert accuracy == pytest.approx(ACCURACIES[name], abs=margin)


def test_a_keyword_spotter_answers_exactly_as_the_interpreter(shared_data: Path) -> None:
    path = shared_data / "mlperf_tiny" / "kws_ref_model.tflite"
    model = load_model(path)
    with np.load(shared_data / "mlperf_tiny" / "kws_features_1000.npz") as archive:
        x, label = archive["x"], archive["label"]
    with OnnxRuntime(threads=1).compile(model) as runner:
        got = runner({"input_1": x})["Identity"].astype(int)
    with Conversion.start("tflite", "tflite", {"path": str(path)}, path.name) as conversion:
        wanted = conversion.answer({"input_1": x})["Identity"].astype(int)
    assert np.abs(got - wanted).max() <= 1
    assert (got != wanted).mean() < 0.01
    assert (got.argmax(axis=1) == label).mean() == pytest.approx(0.901, abs=0.002)


def test_quantized_answers_on_pictures_are_nearer_than_two_kernels_of_the_interpreter(
    shared_data: Path,
) -> None:
    path = shared_data / "mlperf_tiny" / "pretrainedResnet_quant.tflite"
    model = load_model(path)
    with np.load(shared_data / "cifar10" / "test.npz") as archive:
        x = (archive["x"][:200].astype(np.int16) - 128).astype(np.int8)
    with OnnxRuntime(threads=1).compile(model) as runner:
        got = runner({"input_1": x})["Identity"].astype(int)
    with Conversion.start("tflite", "tflite", {"path": str(path)}, path.name) as conversion:
        answers = conversion.inside({"input_1": x}, ["plain kernels: "])
    wanted, plain = (answers[name].astype(int) for name in ("Identity", "plain kernels: Identity"))
    assert (np.abs(got - wanted) > 1).mean() < 0.05
    assert np.abs(got - wanted).mean() < np.abs(plain - wanted).mean()


def test_a_difference_is_found_at_its_operator(files: Path) -> None:
    path = files / "convolution_float.tflite"
    with Conversion.start("tflite", "tflite", {"path": str(path)}, path.name) as conversion:
        names = [node.output[0] for node in conversion.proto.graph.node]
        inside = conversion.inside({"image": np.ones((2, 17, 15, 3), np.float32)}, names)
    assert len(set(names) & inside.keys()) > 4


def test_a_damaged_file_is_refused(files: Path, tmp_path: Path) -> None:
    seed = secrets.randbits(32)
    print(f"seed {seed}")
    random = np.random.default_rng(seed)
    content = (files / "dense_float.tflite").read_bytes()
    path = tmp_path / "damaged.tflite"
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(ModelError, match="a file that LiteRT can run"):
        load_model(path)
    for _ in range(3):
        damaged = bytearray(content)
        for position in random.integers(8, len(content), 200):
            damaged[position] = random.integers(256)
        path.write_bytes(damaged)
        # where only weights have changed it is another model, which answers alike
        with contextlib.suppress(ModelError):
            assert load_model(path).origin.parity is not None


def test_inspect_takes_a_file(files: Path) -> None:
    done = tradewind("inspect", files / "dense_int8.tflite", "--json")
    assert done.code == 0, done.err
    assert done.document["framework"] == "tensorflow-lite"
    assert done.document["parity"]["examples"] > 50
