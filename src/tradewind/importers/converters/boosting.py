"""Answers of XGBoost, LightGBM and CatBoost, in whose environments this runs.

The graph is written elsewhere, from the file itself; here the libraries only answer.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

Arrays = dict[str, Any]


def convert(
    request: dict[str, Any], target: Path
) -> tuple[dict[str, Any], Callable[[Arrays, list[str]], Arrays]]:
    """Load a model and return what answers like it.

    Args:
        request: `library`, `path` and what `answering` takes; `json` asks CatBoost to write the
            model there, in which case nothing answers yet.
        target: not used.
    """
    library = request["library"]
    model = _load(library, request["path"])
    if "json" in request:
        model.save_model(request["json"], format="json")

    def answer(inputs: Arrays, inside: list[str]) -> Arrays:
        return answering(library, model, request)(inputs)

    return {}, answer


def _load(library: str, path: str) -> Any:
    """Return a model from its file, which all three read without running what is in it."""
    if library == "xgboost":
        import xgboost

        return xgboost.Booster(model_file=path)
    if library == "lightgbm":
        import lightgbm

        return lightgbm.Booster(model_file=path)
    import catboost

    with Path(path).open("rb") as file:
        kind = "cbm" if file.read(4) == b"CBM1" else "json"
    return catboost.CatBoost().load_model(path, format=kind)


def answering(library: str, model: Any, request: dict[str, Any]) -> Callable[[Arrays], Arrays]:
    """Return a function from the inputs of the graph to its outputs.

    Args:
        library: what the model is of.
        model: a booster, or a wrapper in the manner of scikit-learn.
        request: `columns`, names with the categories of each or None; `is_matrix`, whether they
            come as one; `classes` or None; `missing`, the number that stands for a missing value,
            or None; `rounds`, how many iterations count, or None for all.
    """
    ask = {"xgboost": _ask_xgboost, "lightgbm": _ask_lightgbm, "catboost": _ask_catboost}[library]

    def answer(inputs: Arrays) -> Arrays:
        classes = request["classes"]
        found = ask(model, _rows(library, inputs, request), request)
        if classes is None:
            return {"prediction": np.asarray(found).reshape(len(found), -1)}
        shares = np.asarray(found)
        if shares.ndim == 1 or shares.shape[1] == 1:
            second = shares.reshape(-1, 1)
            shares = np.concatenate([1 - second, second], axis=1)
        # of two equal ones the first, as all three have it
        labels = np.empty(len(classes), object)
        labels[:] = classes
        return {"label": labels[shares.argmax(axis=1)], "probabilities": shares}

    return answer


def _rows(library: str, inputs: Arrays, request: dict[str, Any]) -> Any:
    if request["is_matrix"]:
        return inputs["input"]
    import pandas

    columns = {}
    for name, categories in request["columns"]:
        values = inputs[name][:, 0]
        if categories is not None and isinstance(categories[0], str):
            texts = [value.decode() if isinstance(value, bytes) else value for value in values]
            values = np.array(texts, object)
        if categories is not None and library != "catboost":
            values = _coded(values, categories, pandas)
        columns[name] = values
    return pandas.DataFrame(columns)


def _coded(values: Any, categories: Any, pandas: Any) -> Any:
    """Return a column of categories as pandas has it; what is none of them is missing."""
    known = {category: code for code, category in enumerate(categories)}
    codes = [known.get(value, -1) for value in values.tolist()]
    if not isinstance(categories[0], str) and all(one == int(one) for one in categories):
        categories = [int(one) for one in categories]  # XGBoost takes no others
    return pandas.Categorical.from_codes(codes, categories)


def _ask_xgboost(model: Any, rows: Any, request: dict[str, Any]) -> Any:
    import xgboost

    booster = model.get_booster() if hasattr(model, "get_booster") else model
    missing = request["missing"]
    data = xgboost.DMatrix(
        rows,
        missing=np.nan if missing is None else missing,
        feature_names=booster.feature_names,
        feature_types=booster.feature_types if request["is_matrix"] else None,
        enable_categorical=True,
    )
    rounds = (0, request["rounds"] or 0)
    if request["classes"] is None or len(request["classes"]) == 2:
        return booster.predict(data, iteration_range=rounds)
    # `multi:softmax` would answer with classes
    sums = booster.predict(data, output_margin=True, iteration_range=rounds).astype(np.float64)
    powers = np.exp(sums - sums.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def _ask_lightgbm(model: Any, rows: Any, request: dict[str, Any]) -> Any:
    booster = getattr(model, "booster_", model)
    return booster.predict(rows, validate_features=False)


def _ask_catboost(model: Any, rows: Any, request: dict[str, Any]) -> Any:
    import catboost

    # that of the base, which rankers narrow
    return catboost.CatBoost.predict(model, rows, prediction_type=request["answer"])
