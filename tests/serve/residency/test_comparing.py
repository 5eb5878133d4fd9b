from collections.abc import Callable
from typing import final

import numpy as np
import pytest

from tradewind.errors import EngineError, TradewindError
from tradewind.runners import Runner
from tradewind.serve.residency.comparing import compare
from tradewind.tensors import Array, Datatype, Signature, Tensors, TensorSpec


@final
class Computing(Runner):
    """y = function(x)."""

    def __init__(self, function: Callable[[Array], Array], size: int | None = None) -> None:
        self._function = function
        self._size = size

    @property
    def signature(self) -> Signature:
        spec = TensorSpec("x", Datatype.FP32, ("N", self._size))
        return Signature((spec,), (TensorSpec("y", Datatype.FP32, ("N", self._size)),))

    def __call__(self, inputs: Tensors) -> dict[str, Array]:
        return {"y": self._function(inputs["x"])}

    def close(self) -> None:
        pass


def _refuse(x: Array) -> Array:
    raise EngineError("test", "an answer", "none")


SAMPLES = [{"x": np.array([[value]], np.float32)} for value in (1.0, 100.0)]
DOUBLE = Computing(lambda x: x * 2)


def test_the_difference_is_relative_to_the_largest_answer() -> None:
    found = compare(DOUBLE, Computing(lambda x: x * 2.2), SAMPLES, is_same_graph=False)
    assert found.asked == 2
    assert found.largest == pytest.approx(0.1, rel=1e-4)  # float32
    assert str(found) == "differs by 0.1 at most on 2 requests"


def test_the_same_graph_has_to_agree() -> None:
    assert compare(DOUBLE, DOUBLE, SAMPLES, is_same_graph=True).largest == 0
    with pytest.raises(TradewindError, match="it is the same graph"):
        compare(DOUBLE, Computing(lambda x: x * 2.2), SAMPLES, is_same_graph=True)


def test_nan_where_there_was_none_is_refused_and_else_is_not() -> None:
    nan = Computing(lambda x: x * np.float32("nan"))
    with pytest.raises(TradewindError, match="got NaN"):
        compare(DOUBLE, nan, SAMPLES, is_same_graph=False)
    assert compare(nan, DOUBLE, SAMPLES, is_same_graph=False).largest == np.inf
    assert compare(nan, nan, SAMPLES, is_same_graph=True).largest == 0


def test_who_breaks_on_what_was_answered_is_refused() -> None:
    broken = Computing(_refuse)
    with pytest.raises(EngineError):
        compare(DOUBLE, broken, SAMPLES, is_same_graph=False)
    assert compare(broken, DOUBLE, SAMPLES, is_same_graph=False).asked == 0


def test_other_tensors_are_not_compared() -> None:
    other = Computing(_refuse, size=7)
    found = compare(DOUBLE, other, SAMPLES, is_same_graph=False)
    assert str(found) == "compared on nothing: no small request was seen"
