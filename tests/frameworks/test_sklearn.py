from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.frameworks.table import record

from tradewind import load_model

pytest.importorskip("skl2onnx", reason="the extra sklearn is not installed")

from sklearn.compose import make_column_transformer
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_wine
from sklearn.ensemble import GradientBoostingRegressor, RandomForestClassifier
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import SVC

FITTED: dict[str, tuple[Any, Any]] = {
    "scaled logistic regression": (
        make_pipeline(StandardScaler(), LogisticRegression()),
        load_breast_cancer,
    ),
    "random forest": (RandomForestClassifier(50, random_state=0), load_wine),
    "gradient boosting, regression": (GradientBoostingRegressor(random_state=0), load_diabetes),
    "ridge": (Ridge(), load_diabetes),
    "two-layer network": (
        make_pipeline(StandardScaler(), MLPClassifier((32,), max_iter=2000, random_state=0)),
        load_wine,
    ),
    "support vectors": (make_pipeline(StandardScaler(), SVC(random_state=0)), load_digits),
    "nearest neighbours": (KNeighborsClassifier(3), load_wine),
}


SEALED = ("two-layer network", "nearest neighbours")
"""skops does not know all of their types to be harmless."""


@pytest.mark.parametrize(
    ("name", "form"),
    [
        *((name, "in memory") for name in FITTED),
        *((name, ".skops") for name in FITTED if name not in SEALED),
    ],
)
def test_a_fitted_estimator_answers_on_every_engine(tmp_path: Path, name: str, form: str) -> None:
    estimator, bundled = FITTED[name]
    data, labels = bundled(return_X_y=True)
    estimator.fit(data, labels)
    source: object = estimator
    if form == ".skops":
        skops = pytest.importorskip("skops.io", reason="the extra sklearn is not installed")
        source = tmp_path / "model.skops"
        skops.dump(estimator, source)
    model = load_model(source)
    assert model.origin.parity is not None
    record("scikit-learn", form, name, model)


def test_text_columns_beside_numbers_answer_on_every_engine() -> None:
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    random = np.random.default_rng(0)
    rows = pandas.DataFrame(
        {"colour": random.choice(["red", "green", ""], 400), "size": random.normal(size=400)}
    )
    labels = (rows["colour"] == "red") | (rows["size"] > 1)
    columns = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore"), ["colour"]), (StandardScaler(), ["size"])
    )
    model = load_model(make_pipeline(columns, LogisticRegression()).fit(rows, labels))
    assert model.origin.parity is not None
    record("scikit-learn", "in memory", "columns of text and numbers", model)
