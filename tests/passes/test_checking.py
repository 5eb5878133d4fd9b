import numpy as np
import pytest
from onnx import numpy_helper
from tests.cases import CASES, DENSE
from tests.cases.case import GENERAL

from tradewind.engines import Engine, OnnxRuntime
from tradewind.errors import PassError
from tradewind.model import Model
from tradewind.passes import check, compare
from tradewind.passes.checking import LOSSLESS_TOLERANCE
from tradewind.tensors import Array


def _scaled(factor: float) -> Model:
    """Return the plainest model with its last weights multiplied."""
    proto = DENSE.model.to_proto()
    for tensor in proto.graph.initializer:
        if tensor.name in ("w2", "b2"):
            values = numpy_helper.to_array(tensor) * np.float32(factor)
            tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))
    return DENSE.model.with_proto(proto)


def test_the_difference_is_that_of_the_worst_output() -> None:
    original: dict[str, Array] = {"a": np.ones(4), "b": np.full(4, 2.0)}
    changed: dict[str, Array] = {"a": np.ones(4), "b": np.array([2.0, 2.0, 2.0, 3.0])}
    found = compare(original, changed)
    assert found.largest == 1
    assert found.relative == pytest.approx(1 / 4)


def test_of_classes_the_share_that_differs_counts() -> None:
    original: dict[str, Array] = {"a": np.array([1, 2, 3, 4])}
    assert compare(original, {"a": np.array([1, 2, 3, 5])}).relative == 0.25
    words: dict[str, Array] = {"a": np.array(["x", "y"], object)}
    assert compare(words, {"a": np.array(["x", "z"], object)}).relative == 0.5


def test_what_was_not_finite_before_may_be_anything() -> None:
    original: dict[str, Array] = {"a": np.array([np.inf, 1.0])}
    assert compare(original, {"a": np.array([np.nan, 1.0])}).relative == 0
    with pytest.raises(PassError, match="finite values"):
        compare({"a": np.array([1.0])}, {"a": np.array([np.nan])})


@pytest.mark.parametrize("changed", [{}, {"a": np.ones(3)}, {"b": np.ones(4)}])
def test_a_missing_output_or_another_shape_is_refused(changed: dict[str, Array]) -> None:
    with pytest.raises(PassError, match="a: expected shape"):
        compare({"a": np.ones(4)}, changed)


def test_no_answers_do_not_differ() -> None:
    assert compare({"a": np.zeros((0, 3))}, {"a": np.zeros((0, 3))}).relative == 0


@pytest.mark.parametrize("kind", GENERAL, ids=lambda kind: kind.name)
def test_a_lossless_pass_may_err_within_its_tolerance(
    kind: type[Engine], random: np.random.Generator
) -> None:
    inputs = DENSE.inputs(random)
    small = check(DENSE.model, _scaled(1 + LOSSLESS_TOLERANCE / 2), inputs, kind(), True)
    assert small.relative == pytest.approx(LOSSLESS_TOLERANCE / 2, rel=0.05)
    with pytest.raises(PassError, match="within a relative"):
        check(DENSE.model, _scaled(1 + LOSSLESS_TOLERANCE * 2), inputs, kind(), True)
    assert check(DENSE.model, _scaled(1.5), inputs, kind(), False).relative > 0.4


def test_another_signature_is_refused(random: np.random.Generator) -> None:
    other = next(case for case in CASES if case.name == "score")
    with pytest.raises(PassError, match="outputs"):
        check(DENSE.model, other.model, DENSE.inputs(random), OnnxRuntime(), False)
