from pathlib import Path

import pytest
from tests.cli.child import tradewind
from tests.cli.samples import Sample

from tradewind.cli.opening import Importing
from tradewind.errors import SettingError

FUNCTION, FILE = Path("networks:resnet20"), Path("model.onnx")
BUILT = Importing(Path("weights.safetensors"), ("image=FP32[N,3,8,8]",), trusts_pickle=True)


def test_weights_among_several_models_are_those_of_the_function() -> None:
    models = (FILE, FUNCTION)
    assert BUILT.of(FUNCTION, models) == BUILT
    assert BUILT.of(FILE, models) == Importing(trusts_pickle=True)
    assert BUILT.of(FILE, (FILE,)) == BUILT
    assert BUILT.of(Path("beside.onnx"), (FUNCTION,)) == Importing(trusts_pickle=True)


@pytest.mark.parametrize("models", [(FILE, FILE), (FUNCTION, Path("networks:resnet56"))])
def test_weights_for_none_or_several_functions_are_refused(models: tuple[Path, ...]) -> None:
    with pytest.raises(SettingError, match=r"package\.module:function"):
        BUILT.of(models[0], models)


@pytest.mark.parametrize("command", ["inspect", "predict", "bench", "optimize", "apply"])
def test_weights_for_a_file_that_holds_its_own_are_refused(command: str, sample: Sample) -> None:
    given: dict[str, tuple[object, ...]] = {
        "inspect": (sample.model,),
        "predict": (sample.model, "--in", sample.data, "--out", sample.folder / "out.npz"),
        "bench": (sample.model, "--data", sample.data),
        "optimize": (sample.model, "--data", sample.data),
        "apply": ("fold", sample.model, "--out", sample.folder / "out.onnx"),
    }
    done = tradewind(command, *given[command], "--weights", sample.folder / "weights.safetensors")
    assert done.code == 2
    assert "a PyTorch module or function of JAX for weights or inputs" in done.err
