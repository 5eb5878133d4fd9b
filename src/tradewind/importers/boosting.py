"""The conversion of histogram gradient boosting, which skl2onnx 1.20 alone does not manage.

Its converter hands truth values to an attribute of whole numbers, which protobuf 6 and later
refuse. Once it hands over whole numbers this module can go.
"""

from collections.abc import Callable, Iterable
from typing import Any, final

import numpy as np

from tradewind.importers.forests.histograms import splits_categories

_CONVERTED_HERE = ("HistGradientBoostingClassifier", "HistGradientBoostingRegressor")


def boosting_converters(
    parts: Iterable[Any], get_converter: Callable[[str], Any]
) -> dict[type, Callable[..., None]]:
    """Return a converter for each type among `parts` that needs another one than skl2onnx brings.

    Those that split categories have one of ours.

    Args:
        parts: everything that the estimator is composed of.
        get_converter: returns the converter that skl2onnx brings for an operator.
    """

    def convert(scope: Any, operator: Any, container: Any) -> None:
        name = f"Sklearn{type(operator.raw_operator).__name__}"
        get_converter(name)(scope, operator, _WholeNumbers(container))

    types = {type(part) for part in parts if not splits_categories(part)}
    return {kind: convert for kind in types if kind.__name__ in _CONVERTED_HERE}


@final
class _WholeNumbers:
    """A container of nodes that turns truth values in attributes into whole numbers."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def add_node(self, *where: Any, **attributes: Any) -> None:
        self._inner.add_node(*where, **{name: _whole(v) for name, v in attributes.items()})


def _whole(value: Any) -> Any:
    if not isinstance(value, list):
        return value
    return [int(item) if isinstance(item, bool | np.bool_) else item for item in value]
