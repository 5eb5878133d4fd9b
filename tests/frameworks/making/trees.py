"""Trains small ensembles on network connections, and keeps each with rows and its answers.

Usage: trees.py LIBRARY FOLDER DATA
"""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

NUMBERS = ["duration", "src_bytes", "dst_bytes", "count", "srv_count", "same_srv_rate"]
TEXTS = ["protocol_type", "service", "flag"]
ROWS = 4000


def main(library: str, folder: Path, data: Path) -> None:
    table = pd.read_csv(data)
    assert len(table) == ROWS
    frame = table[NUMBERS].astype(np.float32)
    frame.loc[::7, "src_bytes"] = np.nan
    mixed = pd.concat([frame, table[TEXTS].astype(object)], axis=1)
    binary = table["label"].to_numpy().astype(int)
    attacks = table["attack"].to_numpy().astype(str)
    common = ["normal", "neptune", "satan", "ipsweep"]
    several = np.array([common.index(one) if one in common else len(common) for one in attacks])
    number = np.log1p(table["dst_bytes"].to_numpy()).astype(float)
    targets = {"binary": binary, "multiclass": several, "regression": number, "ranking": several}
    {"xgboost": _xgboost, "lightgbm": _lightgbm, "catboost": _catboost}[library](
        folder, frame, mixed, targets
    )


def _keep(folder: Path, name: str, rows: pd.DataFrame, answer: Callable[[Any], Any]) -> None:
    """Keep 500 rows with what the library answers."""
    asked = rows[:500].reset_index(drop=True)
    columns = {
        column: [None if value != value else value for value in asked[column].tolist()]
        for column in asked
    }
    found = np.asarray(answer(asked), np.float64).tolist()
    (folder / f"{name}.answers.json").write_text(json.dumps({"rows": columns, "answer": found}))


def _categories(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(**{name: pd.Categorical(frame[name]) for name in TEXTS})


def _groups(rows: int) -> np.ndarray:
    return np.repeat(np.arange(rows // 40), 40)


def _xgboost(folder: Path, frame: pd.DataFrame, mixed: pd.DataFrame, targets: Any) -> None:
    import xgboost

    def train(name: str, rows: pd.DataFrame, target: Any, rounds: int = 20, **more: Any) -> None:
        settings = {"max_depth": 5, "seed": 0, "nthread": 1, **more}
        data = xgboost.DMatrix(rows, target, enable_categorical=True)
        if "rank" in name:
            data.set_group([40] * (len(rows) // 40))
        booster = xgboost.train(settings, data, rounds)
        for ending in ("json", "ubj"):
            booster.save_model(folder / f"{name}.{ending}")
        _keep(
            folder,
            name,
            rows,
            lambda asked: booster.predict(xgboost.DMatrix(asked, enable_categorical=True)),
        )

    coded = _categories(mixed)
    train("regression", frame, targets["regression"], objective="reg:squarederror")
    train("binary", frame, targets["binary"], objective="binary:logistic")
    train("multiclass", frame, targets["multiclass"], objective="multi:softprob", num_class=5)
    train("ranking", frame, targets["ranking"], objective="rank:pairwise")
    train("categories", coded, targets["binary"], objective="binary:logistic", max_cat_to_onehot=2)
    train("onehot", coded, targets["binary"], objective="binary:logistic", max_cat_to_onehot=99)
    train("dart", frame, targets["regression"], booster="dart", rate_drop=0.3)
    train("linear", frame.fillna(0), targets["regression"], booster="gblinear")
    train("gamma", frame, targets["regression"] + 1, objective="reg:gamma")
    train("stump", frame, targets["binary"], 1, objective="binary:logistic", max_depth=1)
    train("no-trees", frame, targets["regression"], 0)


def _lightgbm(folder: Path, frame: pd.DataFrame, mixed: pd.DataFrame, targets: Any) -> None:
    import lightgbm

    def train(name: str, rows: pd.DataFrame, target: Any, rounds: int = 20, **more: Any) -> None:
        settings = {"verbose": -1, "seed": 0, "num_threads": 1, "num_leaves": 15, **more}
        group = [40] * (len(rows) // 40) if "rank" in name else None
        data = lightgbm.Dataset(rows, target, group=group)
        booster = lightgbm.train(settings, data, rounds)
        booster.save_model(folder / f"{name}.txt")
        _keep(folder, name, rows, booster.predict)

    coded = _categories(mixed)
    few: dict[str, Any] = {"min_data_per_group": 5, "cat_smooth": 1.0}
    train("regression", frame, targets["regression"], objective="regression")
    train("binary", frame, targets["binary"], objective="binary")
    train("multiclass", frame, targets["multiclass"], objective="multiclass", num_class=5)
    train("one-against-all", frame, targets["multiclass"], objective="multiclassova", num_class=5)
    train("ranking", frame, targets["ranking"], objective="lambdarank")
    train("categories", coded, targets["binary"], objective="binary", max_cat_to_onehot=1, **few)
    train("zero-missing", frame, targets["binary"], objective="binary", zero_as_missing=True)
    train("no-missing", frame, targets["binary"], objective="binary", use_missing=False)
    train(
        "forest", frame, targets["regression"], boosting="rf", bagging_freq=1, bagging_fraction=0.5
    )
    train("poisson", frame, targets["regression"], objective="poisson")
    train("stump", frame, targets["binary"], 1, objective="binary", num_leaves=2)
    train("no-splits", frame, targets["binary"], 1, objective="binary", min_data_in_leaf=ROWS)
    train("linear", frame.fillna(0), targets["regression"], linear_tree=True)


def _catboost(folder: Path, frame: pd.DataFrame, mixed: pd.DataFrame, targets: Any) -> None:
    import catboost

    def train(name: str, rows: pd.DataFrame, target: Any, kind: str, **more: Any) -> None:
        texts = [column for column in rows if column in TEXTS]
        group = _groups(len(rows)) if "rank" in name else None
        pool = catboost.Pool(rows, target, cat_features=texts, group_id=group)
        settings = {
            "iterations": 20,
            "verbose": 0,
            "random_seed": 0,
            "thread_count": 1,
            "allow_writing_files": False,
            **more,
        }
        model = catboost.CatBoost(settings).fit(pool)
        model.save_model(str(folder / f"{name}.cbm"))
        model.save_model(str(folder / f"{name}.json"), format="json", pool=pool)
        _keep(
            folder,
            name,
            rows,
            lambda asked: model.predict(
                catboost.Pool(asked, cat_features=texts), prediction_type=kind
            ),
        )

    regression, several = targets["regression"], targets["multiclass"]
    train("regression", frame, regression, "RawFormulaVal", loss_function="RMSE")
    train("binary", frame, targets["binary"], "Probability", loss_function="Logloss")
    named = np.array(["a", "b", "c", "d", "e"])[several]
    train("multiclass", frame, named, "Probability", loss_function="MultiClass")
    train("ranking", frame, several, "RawFormulaVal", loss_function="YetiRank")
    train(
        "onehot",
        mixed,
        targets["binary"],
        "Probability",
        loss_function="Logloss",
        one_hot_max_size=99,
    )
    train(
        "ctr", mixed, targets["binary"], "Probability", loss_function="Logloss", one_hot_max_size=2
    )
    train(
        "ctr-multiclass",
        mixed,
        named,
        "Probability",
        loss_function="MultiClass",
        max_ctr_complexity=1,
        simple_ctr=["Borders", "Buckets"],
        counter_calc_method="SkipTest",
    )
    kinds = ["Borders", "Buckets", "BinarizedTargetMeanValue", "Counter"]
    train(
        "ctr-regression",
        mixed,
        regression,
        "RawFormulaVal",
        loss_function="RMSE",
        one_hot_max_size=12,  # flags and protocols, beside statistics of services
        max_ctr_complexity=4,
        model_size_reg=0,
        simple_ctr=kinds,
        combinations_ctr=kinds,
        counter_calc_method="Full",
    )
    train(
        "ctr-pairs",
        mixed[["count", *TEXTS]],
        regression,
        "RawFormulaVal",
        loss_function="RMSE",
        max_ctr_complexity=3,
        model_size_reg=0,
    )
    train("ctr-lossguide", mixed, regression, "RawFormulaVal", grow_policy="Lossguide")
    train("poisson", frame, regression, "Exponent", loss_function="Poisson")
    train("lossguide", frame, regression, "RawFormulaVal", grow_policy="Lossguide")
    train("stump", frame, regression, "RawFormulaVal", iterations=1, depth=1)
    train("missing-high", frame, regression, "RawFormulaVal", nan_mode="Max")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
