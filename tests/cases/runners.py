"""One of everything that answers, each with a case whose answers it gives."""

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from onnx.reference import ReferenceEvaluator
from tests.cases.case import Case
from tests.cases.sentences import opinion, sentences, tokenization
from tests.cases.table import CASES

from tradewind.data import TEXT, Preprocessing
from tradewind.engines import ENGINES, Engine, OneDAL, OnnxRuntime
from tradewind.runners import (
    Cascade,
    DistancePredictor,
    Margin,
    Preprocessed,
    Runner,
    Scores,
    Tokenized,
    Turned,
)
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
    case = _named("forest" if isinstance(engine, OneDAL) else "residual")
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


def _tokenized() -> Specimen:
    model, steps = opinion(), tokenization()
    evaluator = ReferenceEvaluator(model.to_proto())
    words = ("good", "bad", "film", "")

    def draw(random: np.random.Generator) -> dict[str, Array]:
        texts = [" ".join(random.choice(words, 5)).encode() for _ in range(3)]
        return {TEXT: sentences(*texts)}

    def right(inputs: Tensors) -> dict[str, Array]:
        names = [spec.name for spec in model.signature.outputs]
        tokens = steps.apply(inputs[TEXT], model.signature)
        return dict(zip(names, evaluator.run(names, dict(tokens)), strict=True))

    return Specimen(
        "tokenized", lambda: Tokenized(OnnxRuntime().compile(model), steps), draw, right, 1e-5
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


def _turned() -> Specimen:
    case = _named("residual")

    def turned(inputs: Tensors) -> dict[str, Array]:
        return {"image": np.moveaxis(inputs["image"], 1, 0)}  # three channels, as many examples

    return Specimen(
        "turned",
        lambda: Turned(OnnxRuntime().compile(case.model), {"image": 1}),
        lambda random: turned(case.inputs(random)),
        lambda inputs: case.reference(turned(inputs)),
        case.tolerance,
    )


def _cascade_of_numbers() -> Specimen:
    case = _named("residual")
    # the first logit is above this for some examples, and below for others
    rule = DistancePredictor(-0.5, 0.0, 1, (4,), (0.0,), (-1.0, 1.0))
    return Specimen(
        "cascade of numbers",
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
    *([_tokenized()] if importlib.util.find_spec("tokenizers") else []),
    _cascade(),
    _turned(),
    _cascade_of_numbers(),
)
"""Every kind of runner; a new one is held to the contract by being added."""
