"""`.skops` files, which hold data and the names of types, read without running foreign code."""

import warnings
from pathlib import Path
from typing import Any

from tradewind.errors import ModelError
from tradewind.importers.archives import check_archive
from tradewind.importers.audit import AUDITED, check_trees


def read_skops(path: Path, skops: Any) -> Any:
    """Load an estimator all of whose types are harmless, or are after a look at their content.

    Args:
        path: the file.
        skops: the module `skops.io`.

    Raises:
        ModelError: it is damaged, unsafe, or was written by another release of scikit-learn.
    """
    check_archive(path)
    content = path.read_bytes()  # once, so that what was looked at is what is loaded
    try:
        strange = skops.get_untrusted_types(data=content)
        unknown = [name for name in strange if name not in AUDITED]
        if not unknown:
            found = _loaded(skops, content, [name for name in strange if name in AUDITED])
            check_trees(found, path.name)
            return found
    except ModelError:
        raise
    except Exception as error:  # damaged archives raise whatever their parts do
        got = f"a damaged one ({type(error).__name__}: {error})"
        raise ModelError(path.name, "a whole `.skops` file", got[:300]) from error
    raise ModelError(
        path.name,
        "types that skops knows to be harmless",
        ", ".join(unknown),
        "where it was trained, write `load_model(estimator).save(Path('model.onnx'))`.",
    )


def _loaded(skops: Any, content: bytes, trusted: list[str]) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of attributes that scikit-learn is about to drop
        return skops.loads(content, trusted=trusted)
