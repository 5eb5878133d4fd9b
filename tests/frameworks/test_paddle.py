import os
import subprocess
from pathlib import Path

import numpy as np
import pytest
from tests.frameworks.table import record

from tradewind.engines import OnnxRuntime
from tradewind.errors import ModelError
from tradewind.importers import environment, load_model
from tradewind.importers.environments import HOME
from tradewind.importers.paddle import PaddleImporter

MAKING = Path(__file__).parent / "making"
MODELS = (
    "perceptron.pdmodel", "convolutions.pdmodel", "perceptron.json", "convolutions.json",
    "recurrent.json", "transformer.json",
)  # fmt: skip


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one of models in each format, `old` and `new`."""
    if not environment("paddle").is_installed:
        pytest.skip("the paddle environment is missing: tradewind doctor --install paddle")
    folder = tmp_path_factory.mktemp("paddle")
    for name, flag in (("pdmodel", "0"), ("json", "1")):
        (folder / name).mkdir()
        subprocess.run(
            [environment("paddle").python, MAKING / "paddle_models.py", folder / name],
            check=True,
            env={**os.environ, "FLAGS_enable_pir_api": flag},
        )
    return folder


def _path(files: Path, name: str) -> Path:
    return files / name.partition(".")[2] / name


@pytest.mark.parametrize("name", MODELS)
def test_inference_models_answer_as_in_paddle(files: Path, name: str) -> None:
    path = _path(files, name)
    model = load_model(path)
    assert model.origin.framework == "paddle"
    assert model.signature.has_free_batch
    with np.load(path.with_suffix(".npz")) as kept, OnnxRuntime(threads=1).compile(model) as runner:
        got = next(iter(runner({model.signature.inputs[0].name: kept["x"]}).values()))
        # float32, added in another order
        np.testing.assert_allclose(got, kept["answer"], rtol=1e-4, atol=1e-5)
    stem, _, form = name.partition(".")
    record("PaddlePaddle", f".{form}", stem, model)


def test_a_file_without_paddle_is_refused_with_the_command(
    files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(HOME, str(tmp_path))
    with pytest.raises(ModelError, match="tradewind doctor --install paddle"):
        load_model(_path(files, "perceptron.pdmodel"))


@pytest.mark.parametrize("name", MODELS[1:3])
def test_missing_weights_are_named(files: Path, tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(_path(files, name).read_bytes())
    with pytest.raises(ModelError, match="pdiparams"):
        load_model(path)


@pytest.mark.parametrize("name", MODELS[1:3])
@pytest.mark.parametrize("share", [0.0, 0.6])
def test_weights_that_are_cut_off_are_refused(
    files: Path, tmp_path: Path, name: str, share: float
) -> None:
    source, path = _path(files, name), tmp_path / name
    path.write_bytes(source.read_bytes())
    weights = source.with_suffix(".pdiparams").read_bytes()
    path.with_suffix(".pdiparams").write_bytes(weights[: int(len(weights) * share)])
    with pytest.raises(ModelError):
        load_model(path)


@pytest.mark.parametrize("name", MODELS[1:3])
def test_a_graph_that_is_cut_off_is_refused(files: Path, tmp_path: Path, name: str) -> None:
    source, path = _path(files, name), tmp_path / name
    content = source.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    path.with_suffix(".pdiparams").write_bytes(source.with_suffix(".pdiparams").read_bytes())
    with pytest.raises(ModelError):
        load_model(path)


def test_a_link_out_of_the_folder_is_refused(files: Path, tmp_path: Path) -> None:
    source = _path(files, "perceptron.pdmodel")
    path = tmp_path / "perceptron.pdmodel"
    path.write_bytes(source.read_bytes())
    path.with_suffix(".pdiparams").symlink_to(source.with_suffix(".pdiparams"))
    with pytest.raises(ModelError, match="a link to"):
        load_model(path)


def test_other_json_is_not_taken(tmp_path: Path) -> None:
    other = tmp_path / "other.json"
    other.write_text('{"base_code": {"magic": "other"}}')
    assert not PaddleImporter().matches(other)
