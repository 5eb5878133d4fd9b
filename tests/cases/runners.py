"""One of everything that answers, each with a case whose answers it gives."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from tests.cases.case import Case
from tests.cases.table import CASES

from tradewind.data import Preprocessing
from tradewind.engines import ENGINES, Engine, OnnxRuntime
from tradewind.runners import Cascade, Margin, Preprocessed, Runner, Scores
from tradewind.tensors import Array, Tensors

_PREPROCESSING = Preprocessing(mean=(0.5,), std=(0.25,))


@dataclass(frozen=True)
class Specimen:
    """A runner to be made, and what it has to answer.

    Args:
        name: what a failing test is called.
        make: returns a new one.
        draw: returns random inputs for it.
        right: returns what ONNX's own implementation answers.
        tolerance: as a case has it.
    """

    name: str
    make: Callable[[], Runner]
    draw: Callable[[np.random.Generator], dict[str, Array]]
    right: Callable[[Tensors], dict[str, Array]]
    tolerance: float

    def __str__(self) -> str:
        return self.name


def _session(engine: Engine) -> Specimen:
    case = _named("residual")
    return Specimen(
        engine.name,
        lambda: engine.compile(case.model),
        case.inputs,
        case.reference,
        case.tolerance,
    )


def _preprocessed() -> Specimen:
    case = _named("residual")
    steps = _PREPROCESSING.fitted(case.model.signature.input("image"))
    return Specimen(
        "preprocessed",
        lambda: Preprocessed(OnnxRuntime().compile(case.model), _PREPROCESSING, "image"),
        lambda random: {"image": random.integers(0, 256, (3, 10, 10, 3)).astype(np.uint8)},
        lambda inputs: case.reference({"image": steps.apply(inputs["image"])}),
        case.tolerance,
    )


def _cascade() -> Specimen:
    case = _named("residual")
    # some examples are surer than this, and some are not
    rule = Margin(Scores("logits"), 0.5)
    return Specimen(
        "cascade",
        lambda: Cascade([OnnxRuntime().compile(case.model) for _ in range(3)], [rule, rule]),
        case.inputs,
        case.reference,
        case.tolerance,
    )


def _named(name: str) -> Case:
    return next(case for case in CASES if case.name == name)


RUNNERS: tuple[Specimen, ...] = (
    *(_session(kind()) for kind in ENGINES),
    _preprocessed(),
    _cascade(),
)
"""Every kind of runner; a new one is held to the contract by being added."""
