import json
import urllib.request
from pathlib import Path

import numpy as np
import pytest
from tests.cli.child import tradewind
from tests.cli.test_serve import serving
from tests.frameworks.running import MAKING, make
from tests.frameworks.table import record

from tradewind.engines import OnnxRuntime
from tradewind.errors import ModelError
from tradewind.importers import load_model, notes_of
from tradewind.model import Model
from tradewind.tensors import Array, Datatype, TensorSpec

ACCURACIES = {"20": 0.9173, "32": 0.9263, "44": 0.9310, "56": 0.9339}
"""Top-1 on the 10,000 test images, as published for these weights."""

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pytorch")
    make("torch", "pytorch.py", [folder], {"ATTACK": str(folder / "attacked")})
    return folder


@pytest.fixture
def code(monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder with the user's own modules, as the current one."""
    monkeypatch.chdir(MAKING)
    return MAKING


def shapes(model: Model) -> tuple[list[str], list[str]]:
    signature = model.signature
    return list(map(str, signature.inputs)), list(map(str, signature.outputs))


@pytest.mark.parametrize("name", ["free.pt2", "fixed.pt2", "traced.pt"])
def test_a_file_keeps_names_and_gets_a_free_batch(files: Path, name: str) -> None:
    model = load_model(files / name)
    assert shapes(model) == (["image: FP32[batch, 3, 16, 16]"], ["output: FP32[batch, 5]"])
    assert model.origin.framework == "pytorch"
    assert model.origin.parity is not None
    assert not notes_of(model)
    form = "torch.export (.pt2)" if name.endswith("pt2") else "TorchScript (.pt)"
    record("PyTorch", form, f"CNN with batch norm ({Path(name).stem})", model)


def test_a_script_whose_trace_counts_examples_keeps_their_number_with_a_note(files: Path) -> None:
    model = load_model(files / "words.pt")
    assert shapes(model) == (["ids: INT64[2, 11]"], ["output: FP32[2, 4]"])
    assert notes_of(model)[0].startswith("the number of examples may not vary")
    record("PyTorch", "TorchScript (.pt)", "transformer encoder", model)


def test_a_script_that_was_never_traced_has_to_be_described(files: Path) -> None:
    with pytest.raises(ModelError, match=r"--input 'NAME=FP32"):
        load_model(files / "scripted.pt")
    model = load_model(files / "scripted.pt", inputs=[TensorSpec("input", Datatype.FP32, ("N", 4))])
    assert shapes(model) == (["input: FP32[batch, 4]"], ["output: FP32[batch, 8]"])
    record("PyTorch", "TorchScript (.pt)", "linear layer, scripted", model)


@pytest.mark.parametrize("weights", ["state.pt", "parallel.th", "state.safetensors"])
def test_a_function_gets_its_weights_from_a_file(files: Path, code: Path, weights: str) -> None:
    image = TensorSpec("image", Datatype.FP32, ("N", 3, 16, 16))
    source = "pytorch_models:Convolutions"
    model = load_model(source, weights=files / weights, inputs=[image])
    random = np.random.default_rng(1)
    asked = {"image": random.normal(size=(5, 3, 16, 16)).astype(np.float32)}
    answers = [answer(one, asked) for one in (model, load_model(files / "free.pt2"))]
    np.testing.assert_allclose(answers[0]["output"], answers[1]["output"], atol=1e-6)  # one graph
    record("PyTorch", "module:function with weights", f"CNN ({weights})", model)


def test_weights_of_another_architecture_are_refused(files: Path, code: Path) -> None:
    image = TensorSpec("image", Datatype.FP32, ("N", 3, 16, 16))
    with pytest.raises(ModelError, match="weights for Convolutions"):
        load_model("pytorch_models:Convolutions", weights=files / "other.pt", inputs=[image])


def test_weights_with_a_foreign_object_never_run_it(files: Path, code: Path) -> None:
    image = TensorSpec("image", Datatype.FP32, ("N", 3, 16, 16))
    with pytest.raises(ModelError, match="running foreign code"):
        load_model("pytorch_models:Convolutions", weights=files / "attack.pt", inputs=[image])
    assert not (files / "attacked").exists()


def test_a_pickled_module_is_refused_unless_it_is_trusted(files: Path, code: Path) -> None:
    image = TensorSpec("image", Datatype.FP32, ("N", 3, 16, 16))
    with pytest.raises(ModelError, match="PyTorch checkpoint"):
        load_model(files / "whole.pt")
    model = load_model(files / "whole.pt", inputs=[image], trust_pickle=True)
    assert shapes(model) == (["image: FP32[batch, 3, 16, 16]"], ["output: FP32[batch, 5]"])


def test_a_program_with_a_state_is_refused_for_what_it_answers(files: Path) -> None:
    with pytest.raises(ModelError, match=r"answers within .* first at Add"):
        load_model(files / "counter.pt2")


def test_a_function_that_is_not_there_is_named(code: Path) -> None:
    make("torch", "pytorch_models.py", [])
    with pytest.raises(ModelError, match="no_such_function"):
        load_model("pytorch_models:no_such_function")


@pytest.mark.parametrize("depth", ACCURACIES)
def test_cifar_networks_answer_as_published(shared_data: Path, code: Path, depth: str) -> None:
    weights = next((shared_data / "cifar10_resnets").glob(f"*{depth}*.th"))
    model = load_model(f"resnet_cifar:resnet{depth}", weights=weights)
    assert shapes(model) == (["image: FP32[batch, 3, 32, 32]"], ["logits: FP32[batch, 10]"])
    published = load_model(next((shared_data / "cifar10_resnets").glob(f"*{depth}*.onnx")))
    images, labels = cifar(shared_data)
    found, wanted = classes(model, images), classes(published, images)
    accuracy = float((found == labels).mean())
    assert accuracy == pytest.approx(ACCURACIES[depth], abs=5e-5)  # four digits were published
    assert np.array_equal(found, wanted)
    form = "module:function with weights"
    note = f"{accuracy:.2%} of the CIFAR-10 test images, as published"
    record("PyTorch", form, f"ResNet-{depth}", model, note=note)


def test_inspect_takes_a_function_with_weights(files: Path, code: Path) -> None:
    weights = ("--weights", files / "state.pt", "--input", "image=FP32[N,3,16,16]")
    done = tradewind("inspect", "pytorch_models:Convolutions", *weights, "--json")
    assert done.code == 0, done.err
    document = done.document
    assert document["framework"] == "pytorch"
    assert document["inputs"] == [
        {"name": "image", "datatype": "FP32", "shape": ["batch", 3, 16, 16]}
    ]
    assert document["parity"]["largest"] < 1e-4


@pytest.mark.parametrize("command", ["predict", "bench", "apply"])
def test_every_command_takes_a_function_with_weights(
    files: Path, code: Path, tmp_path: Path, command: str
) -> None:
    random = np.random.default_rng(1)
    data, out = tmp_path / "data.npz", tmp_path / ("out.onnx" if command == "apply" else "out.npz")
    np.savez(data, image=random.normal(size=(40, 3, 16, 16)).astype(np.float32))
    function = "pytorch_models:Convolutions"
    told: dict[str, tuple[object, ...]] = {
        "predict": (function, "--in", data, "--out", out),
        "bench": (function, "--data", data, "--time", "1s", "--batch-size", "4"),
        "apply": ("fold", function, "--out", out),
    }
    weights = ("--weights", files / "state.pt", "--input", "image=FP32[N,3,16,16]")
    done = tradewind(command, *told[command], *weights, "--json")
    assert done.code == 0, done.err
    assert done.document


def test_a_function_with_weights_is_served_under_its_name(files: Path, code: Path) -> None:
    weights = ("--weights", files / "state.pt", "--input", "image=FP32[N,3,16,16]")
    with (
        serving("pytorch_models:Convolutions", *weights) as (url, _),
        urllib.request.urlopen(f"{url}/v2/models/Convolutions", timeout=60) as answer,
    ):
        described = json.load(answer)
    assert described["inputs"] == [{"name": "image", "datatype": "FP32", "shape": [-1, 3, 16, 16]}]


def cifar(shared_data: Path) -> tuple[Array, Array]:
    with np.load(shared_data / "cifar10" / "test.npz") as archive:
        pixels, labels = archive["x"], archive["label"]
    ready = (pixels / np.float32(255) - np.array(MEAN, np.float32)) / np.array(STD, np.float32)
    return np.ascontiguousarray(ready.transpose(0, 3, 1, 2)), labels


def classes(model: Model, images: Array) -> Array:
    """Return the most likely class of each image."""
    name = model.signature.inputs[0].name
    with OnnxRuntime(threads=1).compile(model) as runner:
        found = [runner({name: part})["logits"] for part in np.array_split(images, 20)]
    answers: Array = np.concatenate(found)
    return np.asarray(np.argmax(answers, axis=1))


def answer(model: Model, inputs: dict[str, Array]) -> dict[str, Array]:
    with OnnxRuntime(threads=1).compile(model) as runner:
        return runner(inputs)
