"""Boosted trees inside estimators of scikit-learn, imported: `python FILE LIBRARY FOLDER`.

It runs beside Tradewind, with the library's own environment at the end of the path, and writes each
import with what was found: its parity, and how far it is from the estimator on real rows.
"""

import json
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine
from sklearn.ensemble import StackingClassifier, VotingClassifier, VotingRegressor
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, OneHotEncoder, OrdinalEncoder, StandardScaler

from tradewind.engines import OnnxRuntime
from tradewind.errors import ModelError
from tradewind.importers import load_model
from tradewind.model import Model

SEED = 3
Make = Callable[..., Any]


def makers(library: str) -> tuple[Make, Make]:
    """Return what makes a classifier, and what makes a regressor."""
    small: dict[str, Any] = {"n_estimators": 12, "n_jobs": 1, "random_state": 0}
    if library == "xgboost":
        import xgboost

        return lambda **k: xgboost.XGBClassifier(**small, **k), lambda: xgboost.XGBRegressor(
            **small
        )
    if library == "lightgbm":
        import lightgbm

        return (
            lambda **k: lightgbm.LGBMClassifier(**small, verbose=-1, **k),
            lambda: lightgbm.LGBMRegressor(**small, verbose=-1),
        )
    import catboost

    small = {"iterations": 12, "thread_count": 1, "random_state": 0, "verbose": 0}
    small["allow_writing_files"] = False
    return lambda **k: catboost.CatBoostClassifier(
        **small, **k
    ), lambda: catboost.CatBoostRegressor(**small)


def people(random: np.random.Generator) -> tuple[Any, Any]:
    """Return rows with a column of texts, and their labels."""
    frame = pandas.DataFrame(
        {
            "colour": random.choice(["red", "green", "blue"], 300),
            "size": random.normal(size=300),
            "age": random.normal(size=300) * 20 + 40,
        }
    )
    return frame, ((frame["colour"] == "red") ^ (frame["size"] > 0.3)).astype(int)


def columns(*, is_sparse: bool) -> Any:
    return make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore", sparse_output=is_sparse), ["colour"]),
        (StandardScaler(), ["size", "age"]),
        sparse_threshold=1.0 if is_sparse else 0.0,
    )


def estimators(library: str) -> dict[str, tuple[Any, Any, Any]]:
    """Return estimators that are not fitted, each with rows and labels."""
    random = np.random.default_rng(SEED)
    classifier, regressor = makers(library)
    wine, kinds = load_wine(return_X_y=True)
    wine = np.where(random.random(wine.shape) < 0.1, np.nan, wine)
    cells = load_breast_cancer(return_X_y=True)
    sugar = load_diabetes(return_X_y=True)
    frame = people(random)
    other = make_pipeline(StandardScaler(), LogisticRegression())
    coded = make_column_transformer((OrdinalEncoder(), ["colour"]), remainder="passthrough")
    more = {"categorical_feature": [0]} if library == "lightgbm" else {}
    found: dict[str, tuple[Any, Any, Any]] = {
        "missing values": (make_pipeline(StandardScaler(), classifier()), wine, kinds),
        "one-hot columns": (make_pipeline(columns(is_sparse=False), classifier()), *frame),
        "one-hot columns, sparse": (make_pipeline(columns(is_sparse=True), classifier()), *frame),
        "numbered columns": (make_pipeline(coded, classifier(**more)), *frame),
        "soft votes": (
            VotingClassifier([("trees", classifier()), ("line", other)], voting="soft"),
            *cells,
        ),
        "calibrated": (CalibratedClassifierCV(classifier(), cv=2), *cells),
        "stacked": (StackingClassifier([("trees", classifier()), ("line", other)]), *cells),
        "regression": (make_pipeline(MinMaxScaler(), regressor()), *sugar),
        "votes, regression": (VotingRegressor([("a", regressor()), ("b", Ridge())]), *sugar),
    }
    if library != "xgboost":  # which knows classes by number only
        words = np.array(["red", "white", "rosé"])[kinds]
        found["classes of texts"] = (make_pipeline(StandardScaler(), classifier()), wine, words)
    return found


def compared(model: Model, estimator: Any, rows: Any) -> float:
    """Return the share of rows to which the graph gives another answer than the estimator."""
    if isinstance(rows, np.ndarray):
        rows = rows.astype(np.float32).astype(np.float64)
        inputs = {"input": rows.astype(np.float32)}
    else:
        rows = rows.astype({"size": np.float32, "age": np.float32})
        inputs = {name: rows[name].to_numpy()[:, None] for name in rows}
    with OnnxRuntime(threads=1).compile(model) as runner:
        answers = runner(inputs)
    if "probabilities" in answers:
        wanted, got = estimator.predict_proba(rows), answers["probabilities"]
    else:
        wanted, got = estimator.predict(rows)[:, None], next(iter(answers.values()))
    return float((~np.isclose(got, wanted, rtol=1e-4, atol=1e-4)).any(axis=1).mean())


def refusal(library: str) -> str:
    """Return what is said of trees that take categories themselves inside a pipeline."""
    frame, labels = people(np.random.default_rng(SEED))
    classifier, _ = makers(library)
    more: dict[str, Any] = {}
    if library == "catboost":
        more = {"cat_features": ["colour"], "one_hot_max_size": 10}
    else:
        frame["colour"] = frame["colour"].astype("category")
        more = {"enable_categorical": True} if library == "xgboost" else {}
    estimator = make_pipeline("passthrough", classifier(**more)).fit(frame, labels)
    try:
        load_model(estimator)
    except ModelError as error:
        return str(error)
    return ""


def main(library: str, folder: Path) -> None:
    warnings.simplefilter("ignore")  # of attributes that the libraries are about to drop
    told: dict[str, Any] = {}
    for number, (name, (estimator, rows, labels)) in enumerate(estimators(library).items()):
        estimator.fit(rows, labels)
        model = load_model(estimator)
        (folder / f"{number}.onnx").write_bytes(model.content)
        parity = model.origin.parity
        assert parity is not None
        told[name] = {
            "file": f"{number}.onnx",
            "parity": [
                parity.examples, parity.largest, parity.tolerance, parity.differing,
            ],
            "differing": compared(model, estimator, rows),
        }  # fmt: skip
    told["refusal"] = refusal(library)
    (folder / "told.json").write_text(json.dumps(told))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
