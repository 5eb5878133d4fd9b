import importlib.util
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from tests.cli.child import tradewind
from tests.frameworks.running import make
from tests.frameworks.table import record

from tradewind.engines import OnnxRuntime
from tradewind.errors import ModelError
from tradewind.importers import environment, load_model
from tradewind.importers.environments import HOME

FRAMEWORK = "Keras"
NAMES = ("convolution", "dense", "depthwise", "embedding", "gru", "lstm", "upscaling")
REAL = {
    "ad01": ("input_1: FP32[N, 640]", "dense_9: FP32[N, 640]"),
    "pretrainedResnet": ("input_1: FP32[N, 32, 32, 3]", "dense: FP32[N, 10]"),
    "str_ww_ref_model": ("input_1: FP32[N, 30, 1, 40]", "dense: FP32[N, 3]"),
    "vww_96": ("input_1: FP32[N, 96, 96, 3]", "dense: FP32[N, 2]"),
}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("keras")
    make("tensorflow", "tensorflow_models.py", ["keras", folder])
    return folder


@pytest.fixture
def only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Leave one environment installed, of all that are."""

    def leave(name: str) -> None:
        wanted = environment(name)
        if not wanted.is_installed:
            pytest.skip(f"the {name} environment is missing: tradewind doctor --install {name}")
        link = tmp_path / "home" / "environments" / wanted.folder.name
        link.parent.mkdir(parents=True)
        link.symlink_to(wanted.folder)
        monkeypatch.setenv(HOME, str(tmp_path / "home"))

    return leave


@pytest.mark.parametrize("way", ["keras", "tensorflow"])
@pytest.mark.parametrize("name", NAMES)
def test_a_file_of_keras_3_is_imported_with_parity(
    files: Path, only: Callable[[str], None], name: str, way: str
) -> None:
    only(way)
    model = load_model(files / f"{name}.keras")
    assert model.origin.framework == "keras"
    assert model.origin.parity is not None
    assert model.signature.has_free_batch
    by = {"keras": "PyTorch", "tensorflow": "TensorFlow"}[way]
    record(FRAMEWORK, f".keras (Keras 3), by {by}", name, model)


@pytest.mark.parametrize("name", ["convolution_3.h5", "convolution_2.h5", "dense_2.h5"])
def test_hdf5_that_keras_3_reads_needs_no_tensorflow(
    files: Path, only: Callable[[str], None], name: str
) -> None:
    only("keras")
    model = load_model(files / name)
    assert model.origin.parity is not None
    assert model.signature.has_free_batch


def test_what_keras_3_cannot_read_names_the_other_way(
    files: Path, only: Callable[[str], None]
) -> None:
    only("keras")
    with pytest.raises(ModelError, match="doctor --install tensorflow"):
        load_model(files / "lstm_2.h5")


def test_without_any_way_the_first_is_named(
    files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if importlib.util.find_spec("keras") is not None:
        pytest.skip("Keras is installed beside Tradewind")
    monkeypatch.setenv(HOME, str(tmp_path / "none"))
    with pytest.raises(ModelError, match="doctor --install keras"):
        load_model(files / "dense.keras")


@pytest.mark.parametrize("way", ["keras", "tensorflow"])
def test_dictionaries_keep_what_belongs_to_which_name(
    files: Path, only: Callable[[str], None], way: str
) -> None:
    only(way)
    model = load_model(files / "structured.keras")
    assert [spec.name for spec in model.signature.inputs] == ["a", "b"]
    with np.load(files / "structured.npz") as kept, OnnxRuntime(threads=1).compile(model) as runner:
        given = {"a": kept["narrow"].astype(np.float32), "b": kept["wide"].astype(np.float32)}
        found = runner(given)
        # float32, added in another order; `a` is an input already
        for name, out in (("a_2", "a"), ("m", "m"), ("z", "z")):
            np.testing.assert_allclose(found[name], kept[f"out_{out}"], rtol=1e-5, atol=1e-5)


def test_both_ways_give_the_same_names_and_sizes(files: Path, only: Callable[[str], None]) -> None:
    here = load_model(files / "dense.keras").signature
    only("tensorflow")
    assert load_model(files / "dense.keras").signature == here


@pytest.mark.parametrize("name", NAMES)
def test_a_file_of_keras_2_is_imported_with_parity(files: Path, name: str) -> None:
    model = load_model(files / f"{name}_2.h5")
    assert model.origin.parity is not None
    assert model.signature.has_free_batch
    record(FRAMEWORK, ".h5 (tf.keras 2)", name, model)


@pytest.mark.parametrize("name", ["convolution_3.h5", "dense_2.keras"])
def test_the_other_two_combinations_are_imported(files: Path, name: str) -> None:
    model = load_model(files / name)
    assert model.origin.parity is not None
    form = ".h5 (Keras 3)" if name.endswith("h5") else ".keras (tf.keras 2)"
    record(FRAMEWORK, form, name.partition("_")[0], model)


def test_inputs_and_outputs_keep_their_names(files: Path) -> None:
    signature = load_model(files / "dense.keras").signature
    assert list(map(str, signature.inputs)) == ["left: FP32[N, 6]", "right: FP32[N, 4]"]
    assert list(map(str, signature.outputs)) == ["kind: FP32[N, 3]", "amount: FP32[N, 1]"]


@pytest.mark.parametrize("way", ["keras", "tensorflow"])
@pytest.mark.parametrize(
    ("name", "expected", "got"),
    [
        ("with_code.keras", "layers that Keras builds itself", "Lambda"),
        ("with_code.h5", "layers that Keras builds itself", "Lambda"),
        ("weights.h5", "an HDF5 file with a Keras model", "one without"),
        ("stateful.h5", "layers without a memory of their own", "lstm"),
        ("linked.h5", "an HDF5 file on its own", "'/elsewhere' in another file"),
        ("foreign.keras", "layers that Keras builds itself", "os.path.InputLayer"),
        ("cut.h5", "a whole Keras file", ""),
    ],
)
def test_what_cannot_be_trusted_is_refused(
    files: Path, only: Callable[[str], None], name: str, expected: str, got: str, way: str
) -> None:
    if name == "stateful.h5" and way == "keras":
        pytest.skip("written by Keras 2, and with a layer that Keras 3 does not read")
    only(way)
    with pytest.raises(ModelError) as caught:
        load_model(files / name)
    assert caught.value.expected == expected
    assert caught.value.got.startswith(got)


@pytest.mark.parametrize("member", ["../outside", "/etc/outside"])
def test_an_archive_that_leads_outside_is_refused(files: Path, tmp_path: Path, member: str) -> None:
    path = tmp_path / "model.keras"
    path.write_bytes((files / "dense.keras").read_bytes())
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(member, b"x")
    with pytest.raises(ModelError, match="files inside the archive"):
        load_model(path)


@pytest.mark.parametrize("name", REAL)
def test_a_public_model_is_imported_with_parity(shared_data: Path, files: Path, name: str) -> None:
    model = load_model(shared_data / "mlperf_tiny" / f"{name}.h5")
    found = (*model.signature.inputs, *model.signature.outputs)
    assert tuple(map(str, found)) == REAL[name]
    assert model.origin.parity is not None
    record(FRAMEWORK, ".h5 (tf.keras 2)", name, model)


def test_inspect_takes_a_file(files: Path) -> None:
    done = tradewind("inspect", files / "lstm.keras", "--json")
    assert done.code == 0, done.err
    assert done.document["framework"] == "keras"
    assert done.document["inputs"][0]["shape"] == ["N", 9, 5]
