"""Ensembles that XGBoost, LightGBM and CatBoost trained on real connections, from their files."""

import json
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from tests.frameworks.running import make
from tests.frameworks.table import record

from tradewind.engines import OnnxRuntime
from tradewind.errors import ModelError
from tradewind.importers import load_model
from tradewind.importers.metadata import NOTE
from tradewind.model import Model
from tradewind.tensors import Array, Datatype

DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "nsl_kdd"
ROWS = 4000

CTR = ("ctr", "ctr-multiclass", "ctr-regression", "ctr-pairs", "ctr-lossguide")
"""With statistics of categories."""
MODELS = {
    "xgboost": (
        *("regression", "binary", "multiclass", "ranking", "categories", "onehot"),
        *("dart", "linear", "gamma", "stump", "no-trees"),
    ),
    "lightgbm": (
        *("regression", "binary", "multiclass", "one-against-all", "ranking", "categories"),
        *("zero-missing", "no-missing", "forest", "poisson", "stump", "no-splits"),
    ),
    "catboost": (
        *("regression", "binary", "multiclass", "ranking", "onehot", "poisson"),
        *("lossguide", "stump", "missing-high"),
        *CTR,
    ),
}
ENDINGS = {"xgboost": ("json", "ubj"), "lightgbm": ("txt",), "catboost": ("cbm", "json")}
FILES = [
    pytest.param(library, name, ending, id=f"{library}-{name}.{ending}")
    for library, names in MODELS.items()
    for name in names
    for ending in ENDINGS[library]
    # `.cbm` does not keep the texts
    if ending != "cbm" or not name.startswith(("onehot", "ctr"))
]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Where the models of each library lie, once they were made."""
    return {library: tmp_path_factory.mktemp(library) for library in MODELS}


def made(library: str, folders: dict[str, Path]) -> Path:
    if not DATA.is_dir():
        pytest.skip(f"the connections of NSL-KDD are not in {DATA}")
    folder = folders[library]
    if not any(folder.iterdir()):
        make(library, "trees.py", [library, folder, _table(folder.parent)])
    return folder


@cache
def _table(folder: Path) -> Path:
    """Return the first connections as CSV, which needs no reader beyond pandas."""
    import pyarrow.csv
    import pyarrow.parquet

    path = folder / "connections.csv"
    pyarrow.csv.write_csv(pyarrow.parquet.read_table(DATA / "train.parquet")[:ROWS], str(path))
    return path


def asked(model: Model, rows: dict[str, list[object]]) -> dict[str, Array]:
    """Return kept rows as the inputs of a model."""
    columns = {
        name: np.array([np.nan if value is None else value for value in values], np.float32)
        for name, values in rows.items()
        if not any(isinstance(value, str) for value in values)
    }
    if len(model.signature.inputs) == 1:
        return {"input": np.stack(list(columns.values()), axis=1)}
    return {
        spec.name: (
            np.array(rows[spec.name], object)
            if spec.datatype is Datatype.BYTES
            else columns[spec.name]
        )[:, None]
        for spec in model.signature.inputs
    }


@pytest.mark.parametrize(("library", "name", "ending"), FILES)
def test_a_file_answers_as_its_library_does(
    library: str, name: str, ending: str, folders: dict[str, Path]
) -> None:
    folder = made(library, folders)
    model = load_model(folder / f"{name}.{ending}")
    parity = model.origin.parity
    assert parity is not None
    # only where two classes are as likely as each other may a label differ
    assert parity.differing <= (0.01 if "label" in _outputs(model) else 0.0)
    assert NOTE not in model.graph.metadata_props
    kept = json.loads((folder / f"{name}.answers.json").read_text())
    with OnnxRuntime().compile(model) as runner:
        answers = runner(asked(model, kept["rows"]))
    found = answers.get("probabilities", answers.get("prediction"))
    wanted = np.array(kept["answer"])
    assert found is not None
    if wanted.ndim == 1:
        wanted = np.stack([1 - wanted, wanted], axis=1) if found.shape[1] == 2 else wanted[:, None]
    # twenty leaves are added in float32
    assert np.allclose(found, wanted, rtol=1e-5, atol=1e-5)
    questions = [asked(model, {k: v[:17] for k, v in kept["rows"].items()})]
    record(library, f".{ending}", name, model, questions=questions)


def _outputs(model: Model) -> list[str]:
    return [spec.name for spec in model.signature.outputs]


@pytest.mark.parametrize("library", ["xgboost", "lightgbm", "catboost"])
def test_categories_become_inputs_of_texts(library: str, folders: dict[str, Path]) -> None:
    folder = made(library, folders)
    name, ending = ("onehot" if library == "catboost" else "categories"), ENDINGS[library][-1]
    specs = load_model(folder / f"{name}.{ending}").signature.inputs
    texts = {spec.name for spec in specs if spec.datatype is Datatype.BYTES}
    assert texts == {"protocol_type", "service", "flag"}
    assert len(specs) == 9


@pytest.mark.parametrize("name", ["onehot", "ctr", "ctr-regression"])
def test_categories_whose_texts_are_not_kept_are_refused(
    name: str, folders: dict[str, Path]
) -> None:
    folder = made("catboost", folders)
    with pytest.raises(ModelError, match="pool=train_pool"):
        load_model(folder / f"{name}.cbm")


def test_statistics_of_catboost_are_of_every_kind(folders: dict[str, Path]) -> None:
    folder = made("catboost", folders)
    kinds: set[str] = set()
    elements: set[tuple[str, ...]] = set()
    for name in CTR:
        document = json.loads((folder / f"{name}.json").read_text())
        for ctr in document["features_info"]["ctrs"]:
            kinds.add(ctr["ctr_type"])
            elements.add(tuple(one["combination_element"] for one in ctr["elements"]))
    assert kinds == {"Borders", "Buckets", "BinarizedTargetMeanValue", "Counter"}
    assert {"float_feature", "cat_feature_exact_value"} <= {
        one for many in elements for one in many
    }
    assert any(many.count("cat_feature_value") > 1 for many in elements)


def test_lightgbm_formulas_at_leaves_are_refused(folders: dict[str, Path]) -> None:
    folder = made("lightgbm", folders)
    with pytest.raises(ModelError, match="linear_tree"):
        load_model(folder / "linear.txt")


def test_numbers_beyond_float32_are_compared_without_a_warning(
    folders: dict[str, Path], tmp_path: Path
) -> None:
    content = (made("catboost", folders) / "binary.json").read_text()
    path = tmp_path / "model.json"
    document = json.loads(content)
    document["oblivious_trees"][0]["leaf_values"][0] = 1e300
    path.write_text(json.dumps(document))
    assert load_model(path).origin.parity is not None  # the share is 1 here and there


@pytest.mark.parametrize("library", MODELS)
def test_damaged_files_end_in_a_model_error_or_a_model(
    library: str, folders: dict[str, Path], tmp_path: Path, random: np.random.Generator
) -> None:
    folder = made(library, folders)
    ending = {"xgboost": "ubj", "lightgbm": "txt", "catboost": "json"}[library]
    content = (folder / f"binary.{ending}").read_bytes()
    path = tmp_path / "model"
    for _ in range(5):
        damaged = bytearray(content)
        for _ in range(3):
            damaged[random.integers(50, len(damaged))] = random.integers(256)
        path.write_bytes(damaged[: random.integers(len(damaged) // 2, 2 * len(damaged))])
        try:
            load_model(path)
        except ModelError:
            continue
