from pathlib import Path

import pytest
from tests.cli.child import tradewind
from tests.frameworks.running import make
from tests.frameworks.table import record

from tradewind.errors import ModelError
from tradewind.importers import load_model
from tradewind.importers.tensorflow import TensorflowImporter

FRAMEWORK = "TensorFlow"
NAMES = {
    "two_ways": ("features: FP32[N, 5]", "best: INT64[N]", "scores: FP32[N, 3]"),
    "exported": ("image: FP32[N, 17, 15, 3]", "output_0: FP32[N, 5]"),
    "old_style": ("frames: FP32[N, 9, 5]", "dense: FP32[N, 2]"),
    "frozen.pb": ("image: FP32[N, 12, 12, 2]", "answer: FP32[N, 4]"),
}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tensorflow")
    make("tensorflow", "tensorflow_models.py", ["tensorflow", folder])
    return folder


@pytest.mark.parametrize("name", NAMES)
def test_a_graph_is_imported_with_parity(files: Path, name: str) -> None:
    model = load_model(files / name)
    found = (*model.signature.inputs, *model.signature.outputs)
    assert tuple(map(str, found)) == NAMES[name]
    assert model.origin.framework == "tensorflow"
    assert model.origin.parity is not None
    form = "frozen graph (.pb)" if name.endswith("pb") else "SavedModel"
    record(FRAMEWORK, form, name.removesuffix(".pb"), model)


def test_the_file_in_a_folder_stands_for_it(files: Path) -> None:
    by_file = load_model(files / "two_ways" / "saved_model.pb")
    assert by_file.signature == load_model(files / "two_ways").signature


def test_any_signature_can_be_chosen(files: Path) -> None:
    model = TensorflowImporter(signature="pool").load(files / "no_default")
    names = [str(spec) for spec in model.signature.inputs]
    assert names == ["lengths: INT64[N]", "sequence: FP32[N, sequence_1, 5]"]
    assert model.origin.parity is not None
    record(FRAMEWORK, "SavedModel", "pooling of sequences", model)


@pytest.mark.parametrize(
    ("name", "expected", "got"),
    [
        ("no_default", "a signature 'serving_default'", "classify, pool"),
        ("no_signature", "a SavedModel with signatures", "one without"),
        ("reading", "operators that only compute", "ReadFile"),
        ("unfrozen.pb", "a graph whose weights are constants", "VarHandleOp"),
    ],
)
def test_what_cannot_be_imported_is_told(files: Path, name: str, expected: str, got: str) -> None:
    with pytest.raises(ModelError) as caught:
        load_model(files / name)
    assert caught.value.expected == expected
    assert caught.value.got.startswith(got)


def test_a_signature_that_is_not_there_is_told(files: Path) -> None:
    with pytest.raises(ModelError, match="one of the signatures classify, pool"):
        TensorflowImporter(signature="train").load(files / "no_default")


def test_a_cut_off_model_is_told(files: Path, tmp_path: Path) -> None:
    content = (files / "frozen.pb").read_bytes()
    path = tmp_path / "cut.pb"
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(ModelError, match="a frozen graph"):
        load_model(path)


def test_a_link_out_of_the_folder_is_refused(files: Path, tmp_path: Path) -> None:
    folder = tmp_path / "linked"
    folder.mkdir()
    (folder / "saved_model.pb").write_bytes((files / "two_ways" / "saved_model.pb").read_bytes())
    (folder / "variables").symlink_to(files / "two_ways" / "variables")
    with pytest.raises(ModelError, match="a folder on its own"):
        load_model(folder)


def test_a_public_model_is_imported_with_parity(shared_data: Path, files: Path) -> None:
    model = load_model(shared_data / "mlperf_tiny" / "kws_ref_model_savedmodel")
    assert str(model.signature.inputs[0]) == "input_1: FP32[N, 49, 10, 1]"
    assert model.origin.parity is not None
    record(FRAMEWORK, "SavedModel", "kws_ref_model", model)


def test_a_signature_is_chosen_on_the_command_line(files: Path) -> None:
    done = tradewind("inspect", files / "no_default", "--signature", "classify", "--json")
    assert done.code == 0, done.err
    assert done.document["framework"] == "tensorflow"
    done = tradewind("inspect", files / "frozen.pb", "--signature", "classify", "--json")
    assert done.code
    assert "signature" in done.err


def test_inspect_takes_a_folder(files: Path) -> None:
    done = tradewind("inspect", files / "two_ways", "--json")
    assert done.code == 0, done.err
    assert done.document["framework"] == "tensorflow"
