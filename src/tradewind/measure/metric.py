"""What counts as a right answer."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np
import onnx_ir as ir

from tradewind.errors import DataError, SettingError
from tradewind.measure.reported import FIGURES
from tradewind.model import Model
from tradewind.runners import flat_answers
from tradewind.tensors import Array, Tensors


class Metric(ABC):
    """Turns the outputs of a model into losses from 0 to 1, example by example."""

    name: ClassVar[str]
    needs_labels: ClassVar[bool]
    takes_labels: ClassVar[bool] = True  # where there are any; else the original is the truth
    is_exact: ClassVar[bool] = True  # every loss is 0 or 1

    @abstractmethod
    def answers(self, outputs: Tensors) -> Array:
        """Return what the model says, [examples, ...], reduced to what the metric looks at."""

    @abstractmethod
    def losses(self, answers: Array, truth: Array) -> Array:
        """Return float64[examples] from 0 to 1: how bad each answer is.

        Args:
            answers: what a model said, as returned by `answers`.
            truth: the labels, or the original's answers where there are none.
        """


class RightOrWrong(Metric):
    """A metric for which an answer is right or wrong."""

    @abstractmethod
    def is_right(self, answers: Array, truth: Array) -> Array:
        """Return bool[examples]: whether each answer counts as right.

        Args:
            answers: what a model said, as returned by `answers`.
            truth: the labels, or the original's answers where there are none.
        """

    def losses(self, answers: Array, truth: Array) -> Array:
        return np.where(self.is_right(answers, truth), 0.0, 1.0)


@final
@dataclass(frozen=True)
class Accuracy(RightOrWrong):
    """The share of examples whose most likely class is the label."""

    name: ClassVar[str] = "accuracy"
    needs_labels: ClassVar[bool] = True

    threshold: float = 0.5  # of a single score, from which on the answer is class 1

    def answers(self, outputs: Tensors) -> Array:
        return decide(outputs, self.threshold)

    def is_right(self, answers: Array, truth: Array) -> Array:
        return np.asarray(answers == _like(truth, answers))


@final
@dataclass(frozen=True)
class Agreement(RightOrWrong):
    """The share of examples on which a model decides as the original does."""

    name: ClassVar[str] = "agreement"
    needs_labels: ClassVar[bool] = False
    takes_labels: ClassVar[bool] = False

    threshold: float = 0.5  # of a single score, from which on the answer is class 1

    def answers(self, outputs: Tensors) -> Array:
        return decide(outputs, self.threshold)

    def is_right(self, answers: Array, truth: Array) -> Array:
        return np.asarray(answers == truth)


@final
@dataclass(frozen=True)
class Within(RightOrWrong):
    """The share of examples whose every output value is within a tolerance of the truth."""

    name: ClassVar[str] = "within"
    needs_labels: ClassVar[bool] = False

    tolerance: float

    def __post_init__(self) -> None:
        if not self.tolerance > 0:
            raise SettingError("--metric within", "a tolerance above 0", str(self.tolerance))

    def answers(self, outputs: Tensors) -> Array:
        return flat_answers(outputs)

    def is_right(self, answers: Array, truth: Array) -> Array:
        return np.asarray(self.distances(answers, truth) <= self.tolerance)

    def distances(self, answers: Array, truth: Array) -> Array:
        """Return the largest error of each example, float64[examples]."""
        return np.asarray(_errors(answers, truth).max(axis=1))


@final
@dataclass(frozen=True)
class TopK(RightOrWrong):
    """The share of examples whose label is among the k most likely classes."""

    name: ClassVar[str] = "top"
    needs_labels: ClassVar[bool] = True

    k: int

    def __post_init__(self) -> None:
        if self.k < 1:
            raise SettingError("--metric top", "1 or more classes", str(self.k))

    def answers(self, outputs: Tensors) -> Array:
        name, values = next(iter(outputs.items()))
        if values.ndim != 2 or values.dtype == object or values.shape[1] <= self.k:
            hint = "`--metric accuracy` looks at the most likely class alone."
            got = f"shape {values.shape}"
            raise DataError(name, f"scores of more than {self.k} classes, [N, classes]", got, hint)
        return values

    def is_right(self, answers: Array, truth: Array) -> Array:
        rows = np.arange(len(answers))
        own = answers[rows, truth][:, None]
        earlier = np.arange(answers.shape[1]) < np.asarray(truth)[:, None]
        before = (answers > own) | ((answers == own) & earlier)  # a tie goes to the first
        return np.asarray(before.sum(axis=1) < self.k)


@final
@dataclass(frozen=True)
class ClippedError(Metric):
    """The mean absolute error, of which no value counts for more than a limit, in its units."""

    name: ClassVar[str] = "error"
    needs_labels: ClassVar[bool] = False
    is_exact: ClassVar[bool] = False

    limit: float

    def __post_init__(self) -> None:
        if not 0 < self.limit < np.inf:
            raise SettingError("--metric error", "a limit above 0", str(self.limit))

    def answers(self, outputs: Tensors) -> Array:
        return flat_answers(outputs)

    def losses(self, answers: Array, truth: Array) -> Array:
        return self.distances(answers, truth) / self.limit

    def distances(self, answers: Array, truth: Array) -> Array:
        """Return the mean error of each example, clipped, float64[examples]."""
        return np.asarray(np.fmin(_errors(answers, truth), self.limit).mean(axis=1))


def _errors(answers: Array, truth: Array) -> Array:
    """Return how far off each value is, [examples, values].

    Raises:
        DataError: there are not as many labels for an example as values.
    """
    wanted = np.asarray(truth, np.float64).reshape(len(truth), -1)
    if wanted.shape != answers.shape:
        raise DataError("label", f"{answers.shape[1]} values each", f"{wanted.shape[1]}")
    return np.abs(answers - wanted)


def parse_metric(text: str, model: Model) -> Metric:
    """Return the metric that a command line names, fitted to what the model puts out.

    Raises:
        SettingError: there is no such metric, or it cannot be worked out for these outputs.
    """
    name, _, value = text.partition(":")
    if name == "accuracy" and not value:
        return Accuracy(score_threshold(model))
    if name == "agreement" and not value:
        return Agreement(score_threshold(model))
    kind = _WITH_VALUE.get(name)
    if kind is not None:
        try:
            found = kind(value)
        except ValueError:
            raise SettingError(
                "--metric", f"{name} with a number, such as {name}:1", text
            ) from None
        if not isinstance(found, TopK):
            _check_lengths(model)
        return found
    if name in FIGURES:
        raise SettingError(
            "--metric",
            "a metric that judges one example at a time",
            text,
            f"{name} compares examples with each other, so that no count of examples bounds how "
            "much of it is lost: promise accuracy (or agreement), and add "
            f"`--report {name}` to be told it with an interval that is not certified.",
        )
    raise SettingError("--metric", METRICS, text)


_WITH_VALUE: dict[str, Callable[[str], Metric]] = {
    "top": lambda value: TopK(int(value)),
    "within": lambda value: Within(float(value)),
    "error": lambda value: ClippedError(float(value)),
}

METRICS = "accuracy, top:K, agreement, within:TOLERANCE or error:LIMIT"
"""What can be asked for."""


def _check_lengths(model: Model) -> None:
    """Raise where an example has as many answers as it is long: they fit into no array."""
    lengths = {size for spec in model.signature.inputs for size in spec.shape[1:]} - {None}
    for spec in model.signature.outputs:
        if any(isinstance(size, str) and size in lengths for size in spec.shape[1:]):
            hint = "export the model with one length, or without this output."
            raise SettingError("--metric", "outputs of one size", f"{spec}", hint)


def score_threshold(model: Model) -> float:
    """Return from where on a single score means class 1: 0.5 for a probability, else 0."""
    value: ir.Value | None = model.graph.graph.outputs[0]
    while value is not None and (node := value.producer()) is not None:
        if node.op_type in _PROBABILITIES:
            return 0.5
        if node.op_type not in _TRANSPARENT:
            return 0.0
        value = node.inputs[0]
    return 0.0


_PROBABILITIES = ("Sigmoid", "HardSigmoid", "Softmax")
_TRANSPARENT = (
    "Identity", "Cast", "Reshape", "Squeeze", "Unsqueeze", "Flatten", "Slice", "Gather",
    "QuantizeLinear", "DequantizeLinear",
)  # fmt: skip


def decide(outputs: Tensors, threshold: float) -> Array:
    """Return the class that each example is given.

    The first output decides: integers and strings are classes already; of floats [N, classes]
    the largest wins; a single float [N] or [N, 1] says class 1 from `threshold` on.

    Args:
        outputs: the model's outputs in the order of its signature.
        threshold: for single scores only.

    Returns:
        int64[N], or objects [N] for string classes.

    Raises:
        DataError: the first output has more dimensions than a classifier's.
    """
    name, values = next(iter(outputs.items()))
    if values.size == len(values):
        flat: Array = values.reshape(len(values))
        is_score = np.issubdtype(flat.dtype, np.floating)
        return (flat >= threshold).astype(np.int64) if is_score else flat
    if values.ndim == 2 and values.dtype != object:
        return np.asarray(values.argmax(axis=1))
    raise DataError(
        name,
        "one score per class, [N, classes]",
        f"shape {values.shape}",
        "use `--metric within:TOLERANCE` for a model that is no classifier.",
    )


def _like(truth: Array, answers: Array) -> Array:
    if answers.dtype == object and truth.dtype == object:
        return np.array([_text(value) for value in truth], dtype=object)
    return truth


def _text(value: object) -> object:
    return value.decode() if isinstance(value, bytes) else value
