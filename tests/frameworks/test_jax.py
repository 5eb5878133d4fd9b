import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from safetensors.numpy import save_file
from tests.cli.child import tradewind
from tests.frameworks.remembering import packages, remembered
from tests.frameworks.table import record

from tradewind.engines import OnnxRuntime
from tradewind.errors import ModelError
from tradewind.importers import environment, load_model
from tradewind.importers.jax import JaxImporter
from tradewind.importers.probes import probes
from tradewind.importers.token_ids import token_ids
from tradewind.model import Model
from tradewind.tensors import Array, Datatype, Tensors, TensorSpec

MAKING = Path(__file__).parent / "making"
NAMES = (
    "perceptron", "convolutions", "attention", "recurrent", "normalized", "operators", "branches",
    "layered",
)  # fmt: skip

INPUTS = {
    "perceptron": ("x=FP32[N,12]",),
    "convolutions": ("image=FP32[N,16,16,3]",),
    "attention": ("ids=INT32[N,9]",),
    "branches": ("x=FP32[N,4]", "flag=FP32[N]"),
    "layered": ("x=FP32[N,8]",),
}
"""What functions take after their parameters."""


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of exported functions."""
    if not environment("jax").is_installed:
        pytest.skip("the jax environment is missing: tradewind doctor --install jax")
    folder = tmp_path_factory.mktemp("jax")
    command: list[str | Path] = [environment("jax").python, MAKING / "jax_files.py", folder]
    subprocess.run(command, check=True, env={**os.environ, "JAX_PLATFORMS": "cpu"})
    return folder


@pytest.fixture
def code(monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder with the user's own modules, as the current one."""
    monkeypatch.chdir(MAKING)
    return MAKING


@pytest.fixture(scope="module")
def memory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of models that were imported from memory."""
    if not environment("jax").is_installed:
        pytest.skip("the jax environment is missing: tradewind doctor --install jax")
    folder = tmp_path_factory.mktemp("memory")
    command: list[str | Path] = [sys.executable, MAKING / "jax_memory.py", folder]
    command.append(packages(environment("jax")))
    subprocess.run(command, check=True, env={**os.environ, "JAX_PLATFORMS": "cpu"})
    return folder


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("form", ["free", "fixed"])
def test_exported_functions_are_imported(files: Path, name: str, form: str) -> None:
    model = load_model(files / f"{name}.{form}")
    assert model.origin.framework == "jax"
    assert model.origin.parity is not None
    assert model.signature.has_free_batch == (form == "free")
    record("JAX", f"jax.export, {form} batch", name, model)


@pytest.mark.parametrize("name", NAMES)
def test_functions_in_memory_take_any_number_of_examples(memory: Path, name: str) -> None:
    model, notes = remembered(memory, name)
    assert model.signature.has_free_batch
    assert notes == []
    record("JAX", "function in memory", name, model)


def test_a_function_that_wants_one_number_of_examples_gets_it(memory: Path) -> None:
    model, notes = remembered(memory, "fixed")
    assert model.signature.fixed_batch == 4
    assert "first dimension" in notes[0]
    record("JAX", "function in memory", "fixed", model, note=notes[0])


def test_an_exported_function_in_memory_is_imported(memory: Path) -> None:
    model, _ = remembered(memory, "exported")
    assert model.signature.inputs[0].shape == (3,)


def test_parameters_become_weights_under_one_input(memory: Path) -> None:
    model, _ = remembered(memory, "convolutions")
    assert [spec.name for spec in model.signature.inputs] == ["image"]
    kinds = [node.op_type for node in model.to_proto().graph.node]
    assert kinds.count("Conv") == 2
    assert {"MaxPool", "AveragePool", "MatMul"} <= set(kinds)


def test_polynomials_that_spell_a_function_become_it_again(memory: Path) -> None:
    model, _ = remembered(memory, "attention")
    kinds = [node.op_type for node in model.to_proto().graph.node]
    assert kinds.count("Erf") == 1  # in the exact GELU
    assert "Einsum" not in kinds


@pytest.mark.parametrize("name", INPUTS)
def test_a_function_gets_its_parameters_from_a_file(files: Path, code: Path, name: str) -> None:
    inputs = [TensorSpec.parse(text) for text in INPUTS[name]]
    model = load_model(f"jax_models:{name}", weights=files / f"{name}.npz", inputs=inputs)
    assert list(map(str, model.signature.inputs)) == [str(spec) for spec in inputs]
    asked = probes(model.signature, ranges=token_ids(model.to_proto()))[-1]
    kept = load_model(files / f"{name}.free")  # the same function, closed over its parameters
    own = dict(zip([spec.name for spec in kept.signature.inputs], asked.values(), strict=True))
    for got, wanted in zip(answer(model, asked), answer(kept, own), strict=True):
        np.testing.assert_allclose(got, wanted, atol=1e-6)  # one graph
    record("JAX", "module:function with parameters (.npz)", name, model)


def test_parameters_may_be_safetensors(files: Path, code: Path, tmp_path: Path) -> None:
    with np.load(files / "layered.npz") as arrays:
        named = {name.replace("/", "."): arrays[name] for name in arrays.files}
    save_file(named, tmp_path / "layered.safetensors")
    done = tradewind(
        *("inspect", "jax_models:layered", "--weights", tmp_path / "layered.safetensors"),
        *("--input", "x=FP32[N,8]", "--json"),
    )
    assert done.code == 0, done.err
    assert done.document["framework"] == "jax"
    assert done.document["inputs"] == [{"name": "x", "datatype": "FP32", "shape": ["N", 8]}]
    assert done.document["parity"]["largest"] < 1e-4


def test_pickled_parameters_are_refused_unless_they_are_trusted(files: Path, code: Path) -> None:
    inputs, weights = [TensorSpec("x", Datatype.FP32, ("N", 8))], files / "layered.pkl"
    with pytest.raises(ModelError, match="running foreign code"):
        load_model("jax_models:layered", weights=weights, inputs=inputs)
    model = load_model("jax_models:layered", weights=weights, inputs=inputs, trust_pickle=True)
    assert model.origin.parity is not None


@pytest.mark.parametrize(
    ("weights", "text", "said"),
    [
        (None, "x=FP32[N,8]", "--weights"),
        ("perceptron.npz", "x=FP32[N,8]", "KeyError: 'layers'"),
        ("layered.npz", "y=FP32[N,8]", "inputs named x"),
        ("layered.npz", None, "--input"),
        ("layered.free", "x=FP32[N,8]", "file of parameters"),
    ],
)
def test_what_does_not_fit_a_function_is_said(
    files: Path, code: Path, weights: str | None, text: str | None, said: str
) -> None:
    inputs = None if text is None else [TensorSpec.parse(text)]
    file = None if weights is None else files / weights
    with pytest.raises(ModelError, match=said):
        load_model("jax_models:layered", weights=file, inputs=inputs)


def answer(model: Model, inputs: Tensors) -> list[Array]:
    with OnnxRuntime(threads=1).compile(model) as runner:
        return list(runner(inputs).values())


def test_foreign_code_is_refused(memory: Path) -> None:
    assert "a function that JAX can export" in (memory / "foreign.txt").read_text()


def test_a_function_that_fails_says_so(memory: Path) -> None:
    assert "a function that JAX can export" in (memory / "failing.txt").read_text()


def test_names_of_dictionaries_are_kept(files: Path) -> None:
    model = load_model(files / "named")
    assert [spec.name for spec in model.signature.inputs] == ["left", "right"]
    assert [spec.name for spec in model.signature.outputs] == ["sum"]


def test_operators_without_converter_are_named(files: Path) -> None:
    with pytest.raises(ModelError, match="fft"):
        load_model(files / "waves")


@pytest.mark.parametrize("share", [0.5, 0.95])
def test_a_file_that_is_cut_off_is_refused(files: Path, tmp_path: Path, share: float) -> None:
    content = (files / "perceptron.free").read_bytes()
    path = tmp_path / "cut"
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(ModelError):
        load_model(path)


def test_a_byte_that_changed_never_changes_the_answers(
    files: Path, tmp_path: Path, random: np.random.Generator
) -> None:
    content = bytearray((files / "perceptron.fixed").read_bytes())
    path = tmp_path / "changed"
    for place in random.integers(0, len(content), 5):
        path.write_bytes(bytes(content[:place]) + b"\x5a" + bytes(content[place + 1 :]))
        try:
            model = load_model(path)
        except ModelError:
            continue
        assert model.origin.parity is not None  # compared with what the file says now


def test_other_files_are_not_taken(tmp_path: Path, files: Path) -> None:
    other = tmp_path / "other"
    other.write_bytes(b"\x10\0\0\0" + b"TFL3" + b"\0" * 64)
    assert not JaxImporter().matches(other)
    graph = onnx.helper.make_model(onnx.helper.make_graph([], "g", [], []))
    other.write_bytes(graph.SerializeToString())
    assert not JaxImporter().matches(other)
    assert JaxImporter().matches(files / "perceptron.free")


def test_without_the_environment_the_message_says_how_to_get_it(
    files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, needs: Callable[[str], None]
) -> None:
    monkeypatch.setenv("TRADEWIND_HOME", str(tmp_path))
    with pytest.raises(ModelError, match="doctor --install jax"):
        load_model(files / "perceptron.free")
