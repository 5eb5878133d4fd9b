"""One case of the standard, answered by one engine by way of Tradewind."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from tests.conformance.cases import Example, StandardCase

from tradewind.engines import Engine
from tradewind.errors import TradewindError
from tradewind.importers import load_model
from tradewind.model import Model
from tradewind.runners import Runner
from tradewind.tensors import Array

RTOL, ATOL = 1e-3, 1e-5
"""What ONNX allows relatively, and ONNX Runtime's own runs of these tests absolutely."""

SUM_ATOL = 1e-6
"""Of the largest number in an output: float32 keeps seven digits of what is added up, and a
transform adds up all of its input to get what should be 0."""

COARSE_RTOL = {"bfloat16": 2**-6, "float16": 2**-9}
"""Two of the last places, as ONNX's own runner of these tests allows for bfloat16."""


class Verdict(StrEnum):
    """What came of a case."""

    PASSED = "passed"
    NOT_IMPORTED = "not imported"  # no model for Tradewind: sequences, no inputs, old opsets
    UNSUPPORTED = "unsupported"  # the engine refused to compile it
    REFUSED = "refused"  # the engine compiled it, and refused to answer
    WRONG = "wrong"  # another answer than the standard's
    BROKEN = "broken"  # an error that is none of ours
    CRASHED = "crashed"  # the process ended


@dataclass(frozen=True)
class Outcome:
    """What one engine made of one case."""

    engine: str
    case: str
    set: str
    verdict: Verdict
    detail: str
    operators: tuple[str, ...]
    is_right_alone: bool = False  # by the runtime itself, of what is not right through Tradewind


def judge(case: StandardCase, engine: Engine, *, is_random: bool) -> Outcome:
    """Import, compile, ask and compare.

    Args:
        case: what to run.
        engine: where.
        is_random: the answer is drawn anew every time; only its shape and type are compared.
    """
    verdict, detail = _judge(case, engine, is_random)
    return Outcome(engine.name, case.name, case.set, verdict, detail, case.operators)


def _judge(case: StandardCase, engine: Engine, is_random: bool) -> tuple[Verdict, str]:
    try:
        model = load_model(case.proto)
    except TradewindError as error:
        return Verdict.NOT_IMPORTED, str(error)
    except Exception as error:
        return Verdict.BROKEN, f"{type(error).__name__} in the import: {error}"
    try:
        runner = engine.compile(model)
    except TradewindError as error:
        return Verdict.UNSUPPORTED, str(error)
    except Exception as error:
        return Verdict.BROKEN, f"{type(error).__name__} when compiled: {error}"
    with runner:
        for example in case.examples:
            verdict, detail = _answer(model, runner, example, is_random)
            if verdict is not Verdict.PASSED:
                return verdict, detail
    return Verdict.PASSED, ""


def _answer(model: Model, runner: Runner, example: Example, is_random: bool) -> tuple[Verdict, str]:
    specs = model.signature.inputs
    given = {
        spec.name: value
        for spec, value in zip(specs, example.inputs, strict=False)
        if value is not None
    }
    try:
        answers = runner(given)
    except TradewindError as error:
        return Verdict.REFUSED, str(error)
    except Exception as error:
        return Verdict.BROKEN, f"{type(error).__name__} when asked: {error}"
    names = [spec.name for spec in model.signature.outputs]
    wrong = differences([answers[name] for name in names], example.outputs, names, is_random)
    return (Verdict.WRONG, wrong[0]) if wrong else (Verdict.PASSED, "")


def differences(
    got: Sequence[Array], wanted: Sequence[Array | None], names: Sequence[str], is_random: bool
) -> list[str]:
    """Return what is wrong with each output that is.

    Args:
        got: the answer.
        wanted: the standard's; None where it has no tensor.
        names: of the outputs.
        is_random: compare nothing but shapes and types.
    """
    found = []
    for name, answer, right in zip(names, got, wanted, strict=True):
        if right is None:
            found.append(f"{name}: a tensor where the standard has none")
        elif answer.shape != right.shape:
            found.append(f"{name}: shape {answer.shape} instead of {right.shape}")
        elif answer.dtype != right.dtype:
            found.append(f"{name}: {answer.dtype} instead of {right.dtype}")
        elif not is_random and not _is_close(answer, right):
            found.append(f"{name}: {_examples(answer, right)}")
    return found


def _is_close(answer: Array, right: Array) -> bool:
    if right.dtype == object:
        return _texts(answer) == _texts(right)
    if right.dtype.kind in "biu":
        return bool(np.array_equal(answer, right))
    return not _unequal(answer, right).any()


def _unequal(answer: Array, right: Array) -> Array:
    rtol = COARSE_RTOL.get(right.dtype.name, RTOL)
    if right.dtype.kind != "c":
        answer, right = answer.astype(np.float64), right.astype(np.float64)
    size = np.abs(right[np.isfinite(right)]).max(initial=0.0)
    atol = max(ATOL, SUM_ATOL * size)
    found: Array = ~np.isclose(answer, right, rtol=rtol, atol=atol, equal_nan=True)
    return found


def _texts(array: Array) -> list[str]:
    return [v.decode() if isinstance(v, bytes) else str(v) for v in array.ravel()]


def _examples(answer: Array, right: Array) -> str:
    if right.dtype == object:
        return f"{_texts(answer)[:3]} instead of {_texts(right)[:3]}"
    unequal = answer != right if right.dtype.kind in "biu" else _unequal(answer, right)
    values = answer[unequal].ravel()[:1].tolist(), right[unequal].ravel()[:1].tolist()
    return f"{values[0]} instead of {values[1]}, {unequal.sum()} of {unequal.size} values"
