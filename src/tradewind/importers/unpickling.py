"""Runs in a child process without network: unpickles an estimator and imports it from memory.

It is started as a script, with the interpreter that Tradewind runs in.
"""

import dataclasses
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tradewind.errors import TradewindError
from tradewind.importers.loading import load_model


def convert(
    request: dict[str, Any], target: Path
) -> tuple[dict[str, Any], Callable[[dict[str, Any], list[str]], dict[str, Any]]]:
    """Write the graph of a pickled estimator to `target`; nothing answers afterwards.

    Args:
        request: `path` of the pickle.
        target: an `.onnx` file.
    """
    estimator = _unpickled(request["path"])
    try:
        model = load_model(estimator)
    except TradewindError as error:
        raise ValueError(error.expected, error.got, error.hint) from error
    model.save(target)
    parity = model.origin.parity
    notes = {
        "framework": model.origin.framework,
        "parity": None if parity is None else dataclasses.asdict(parity),
    }
    return notes, lambda inputs, inside: {}


def _unpickled(path: str) -> Any:
    import joblib
    import sklearn.exceptions

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        # another release may read the same numbers as another model
        warnings.simplefilter("error", sklearn.exceptions.InconsistentVersionWarning)
        try:
            return joblib.load(path)
        except sklearn.exceptions.InconsistentVersionWarning as error:
            expected = f"an estimator of scikit-learn {error.current_sklearn_version}"
            hint = f"pip install scikit-learn=={error.original_sklearn_version}"
            raise ValueError(expected, f"one of {error.original_sklearn_version}", hint) from error
        except ModuleNotFoundError as error:
            hint = f"pip install {str(error.name).partition('.')[0]}"
            raise ValueError("the packages that it was made with", str(error), hint) from error
