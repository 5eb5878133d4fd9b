import importlib.util
import sys
import warnings
from collections.abc import Iterator
from typing import Any

import pytest
from tests.frameworks.running import MAKING
from tests.frameworks.table import record

from tradewind.errors import ModelError
from tradewind.importers import TorchImporter, load_model, notes_of
from tradewind.model import Model
from tradewind.tensors import Datatype, TensorSpec

SIGNATURES = {
    "convolutions": (["image: FP32[batch, 3, 16, 16]"], ["output: FP32[batch, 5]"]),
    "recurrent": (["frames: FP32[batch, 9, 6]"], ["output: FP32[batch, 3]"]),
    "encoder": (["ids: INT64[batch, 11]"], ["output: FP32[batch, 4]"]),
    "two towers": (
        ["user: FP32[batch, 4]", "item: FP32[batch, 6]"],
        ["score: FP32[batch]", "embeddings_0: FP32[batch, 8]", "embeddings_1: FP32[batch, 8]"],
    ),
    "patches": (["pixels: FP32[batch, 3, 16, 16]"], ["output: FP32[batch, 6]"]),
    "hourglass": (["scan: FP32[batch, 1, 16, 16]"], ["output: FP32[batch, 2, 16, 16]"]),
    "bag": (["tokens: INT64[batch, 7]"], ["output: FP32[batch, 2]"]),
    "waves": (["wave: FP32[batch, 400]"], ["output_0: FP32[batch, 3]", "output_1: FP32[batch, 3]"]),
}


@pytest.fixture(scope="module")
def torch() -> Any:
    return pytest.importorskip("torch", reason="no torch: it comes with the extra `train`")


@pytest.fixture(scope="module")
def models(torch: Any) -> Iterator[Any]:
    """The modules of `making/pytorch_models.py`, which only torch can load."""
    spec = importlib.util.spec_from_file_location("models", MAKING / "pytorch_models.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["models"] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules["models"]


def made(models: Any, name: str) -> tuple[Any, Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch warns of its own layers
        found: tuple[Any, Any] = models.made(name)
        return found


def shapes(model: Model) -> tuple[list[str], list[str]]:
    signature = model.signature
    return list(map(str, signature.inputs)), list(map(str, signature.outputs))


@pytest.mark.parametrize("name", SIGNATURES)
def test_a_module_keeps_names_and_gets_a_free_batch(models: Any, name: str) -> None:
    module, example = made(models, name)
    model = load_model(module, inputs=example)
    assert shapes(model) == SIGNATURES[name]
    assert model.origin.parity is not None
    assert not notes_of(model)
    record("PyTorch", "in memory", name, model)


def test_inputs_may_be_named(models: Any) -> None:
    module, (user, item) = made(models, "two towers")
    model = load_model(module, inputs={"item": item, "user": user})
    assert shapes(model) == SIGNATURES["two towers"]
    with pytest.raises(ModelError, match="inputs named user, item"):
        load_model(module, inputs={"thing": item, "user": user})


def test_sizes_named_by_letters_may_vary(models: Any) -> None:
    module, _ = made(models, "encoder")
    model = load_model(module, inputs=[TensorSpec("ids", Datatype.INT64, ("N", "tokens"))])
    assert shapes(model) == (["ids: INT64[batch, tokens]"], ["output: FP32[batch, 4]"])
    record("PyTorch", "in memory", "encoder of any length", model)


def test_a_length_that_torch_cannot_leave_free_is_fixed_with_a_note(models: Any) -> None:
    module, _ = made(models, "recurrent")
    model = load_model(module, inputs=[TensorSpec("frames", Datatype.FP32, ("N", "T", 6))])
    assert model.signature.has_free_batch
    assert isinstance(model.signature.inputs[0].shape[1], int)
    assert notes_of(model)[0].startswith("T may not vary")


def test_a_module_that_insists_on_its_batch_keeps_it_with_a_note(torch: Any, models: Any) -> None:
    model = load_model(models.Rows().eval(), inputs=(torch.randn(4, 3),))
    assert shapes(model) == (["x: FP32[4, 3]"], ["output: FP32[4, 3]"])
    assert notes_of(model)[0].startswith("the number of examples may not vary")
    record("PyTorch", "in memory", "module for four examples", model)


def test_a_program_keeps_the_sizes_that_it_was_exported_with(torch: Any, models: Any) -> None:
    module, example = made(models, "encoder")
    auto = torch.export.Dim.AUTO
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.export.export(module, example, dynamic_shapes=({0: auto, 1: auto},))
    model = load_model(program)
    assert model.signature.inputs[0].open_shape == (-1, -1)
    record("PyTorch", "ExportedProgram in memory", "transformer encoder", model)


def test_a_program_whose_inputs_were_named_keeps_their_names(torch: Any, models: Any) -> None:
    module, (user, item) = made(models, "two towers")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.export.export(module, (user,), {"item": item})
    model = load_model(program)
    assert shapes(model) == SIGNATURES["two towers"]
    weights = {value.name for value in model.to_proto().graph.initializer}
    assert weights >= {"left.bias", "right.bias"}


def test_a_module_in_training_is_left_in_training(models: Any) -> None:
    module, example = made(models, "convolutions")
    module.train()
    before = {name: value.clone() for name, value in module.state_dict().items()}
    model = load_model(module, inputs=example)
    assert all(part.training for part in module.modules())
    assert all(value.equal(before[name]) for name, value in module.state_dict().items())
    assert model.origin.parity is not None  # batch norm answered as it does when it is used


def test_a_module_without_inputs_is_told_how_to_give_them(models: Any) -> None:
    module, _ = made(models, "bag")
    with pytest.raises(ModelError, match="example inputs"):
        load_model(module)


def test_tensors_that_a_module_cannot_take_are_told(torch: Any, models: Any) -> None:
    module, _ = made(models, "bag")
    with pytest.raises(ModelError, match=r"a module that answers tokens\[2, 3\]"):
        load_model(module, inputs=(torch.randn(2, 3),))


def test_a_module_that_answers_otherwise_when_traced_is_refused(torch: Any, models: Any) -> None:
    module, example = made(models, "convolutions")

    class Doubled(torch.nn.Module):  # type: ignore[misc]
        """Answers otherwise once it is traced."""

        def __init__(self) -> None:
            super().__init__()
            self.inner = module

        def forward(self, image: Any) -> Any:
            found = self.inner(image)
            return found * 2 if torch.compiler.is_exporting() else found

    with pytest.raises(ModelError, match="answers within"):
        TorchImporter(inputs=example).load(Doubled().eval())
