import json
import os
import pickle
from pathlib import Path

import numpy as np
import pytest

from tradewind.engines import OnnxRuntime
from tradewind.errors import ModelError
from tradewind.importers import load_model
from tradewind.importers.sklearn import CLASSES

pytest.importorskip("skl2onnx", reason="the extra `sklearn` is not installed")

import joblib
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler


class Touch:
    """Makes a file where it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str, int]]:
        return os.open, (str(self.path), os.O_CREAT)


@pytest.fixture
def pipeline(random: np.random.Generator) -> Pipeline:
    rows = random.normal(size=(100, 3))
    labels = np.where(rows[:, 0] > 0, "warm", "cold")
    return make_pipeline(StandardScaler(), LogisticRegression()).fit(rows, labels)


@pytest.mark.parametrize("compress", [0, 3])
def test_a_trusted_estimator_is_imported_in_a_child(
    compress: int, pipeline: Pipeline, tmp_path: Path, random: np.random.Generator
) -> None:
    path = tmp_path / "model.joblib"
    joblib.dump(pipeline, path, compress=compress)
    model = load_model(path, trust_pickle=True)
    assert (model.origin.framework, model.origin.source) == ("scikit-learn", "model.joblib")
    assert model.origin.parity is not None
    assert json.loads(model.graph.metadata_props[CLASSES]) == ["cold", "warm"]
    rows = random.normal(size=(50, 3)).astype(np.float32)
    with OnnxRuntime().compile(model) as runner:
        assert runner({"input": rows})["label"].tolist() == pipeline.predict(rows).tolist()


def test_without_trust_a_pickle_is_refused_and_nothing_in_it_runs(tmp_path: Path) -> None:
    path, touched = tmp_path / "model.pkl", tmp_path / "touched"
    path.write_bytes(pickle.dumps(Touch(touched)))
    with pytest.raises(ModelError, match="--trust-pickle"):
        load_model(path)
    assert not touched.exists()


def test_what_is_no_model_is_refused_after_it_was_unpickled(tmp_path: Path) -> None:
    path = tmp_path / "model.pkl"
    path.write_bytes(pickle.dumps({"weights": [1, 2, 3]}))
    with pytest.raises(ModelError, match="another format"):
        load_model(path, trust_pickle=True)


def test_a_model_of_another_release_is_refused_with_the_command(
    pipeline: Pipeline, tmp_path: Path
) -> None:
    import sklearn

    path = tmp_path / "model.pkl"
    own = sklearn.__version__.encode()
    other = b"0" + own[1:]
    path.write_bytes(pickle.dumps(pipeline).replace(own, other))
    with pytest.raises(ModelError, match=f"pip install scikit-learn=={other.decode()}"):
        load_model(path, trust_pickle=True)


def test_a_damaged_pickle_is_a_model_error(pipeline: Pipeline, tmp_path: Path) -> None:
    path = tmp_path / "model.pkl"
    content = pickle.dumps(pipeline)
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(ModelError, match=r"model\.pkl"):
        load_model(path, trust_pickle=True)
