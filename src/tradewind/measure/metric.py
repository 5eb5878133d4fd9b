"""What counts as a right answer."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np
import onnx_ir as ir

from tradewind.errors import DataError, SettingError
from tradewind.model import Model
from tradewind.runners import Runner
from tradewind.tensors import Array, Tensors


class Metric(ABC):
    """Turns the outputs of a model into right and wrong, example by example."""

    name: ClassVar[str]
    needs_labels: ClassVar[bool]

    @abstractmethod
    def answers(self, outputs: Tensors) -> Array:
        """Return what the model says, [examples, ...], reduced to what the metric looks at."""

    @abstractmethod
    def is_right(self, answers: Array, truth: Array) -> Array:
        """Return bool[examples]: whether each answer counts as right.

        Args:
            answers: what a model said, as returned by `answers`.
            truth: the labels, or the original's answers where there are none.
        """


@final
@dataclass(frozen=True)
class Accuracy(Metric):
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
class Agreement(Metric):
    """The share of examples on which a model decides as the original does."""

    name: ClassVar[str] = "agreement"
    needs_labels: ClassVar[bool] = False

    threshold: float = 0.5  # of a single score, from which on the answer is class 1

    def answers(self, outputs: Tensors) -> Array:
        return decide(outputs, self.threshold)

    def is_right(self, answers: Array, truth: Array) -> Array:
        return np.asarray(answers == truth)


@final
@dataclass(frozen=True)
class Within(Metric):
    """The share of examples whose every output value is within a tolerance of the truth."""

    name: ClassVar[str] = "within"
    needs_labels: ClassVar[bool] = False

    tolerance: float

    def __post_init__(self) -> None:
        if not self.tolerance > 0:
            raise SettingError("--metric within", "a tolerance above 0", str(self.tolerance))

    def answers(self, outputs: Tensors) -> Array:
        flat = [np.asarray(array, np.float64).reshape(len(array), -1) for array in outputs.values()]
        return np.concatenate(flat, axis=1)

    def is_right(self, answers: Array, truth: Array) -> Array:
        wanted = np.asarray(truth, np.float64).reshape(len(truth), -1)
        if wanted.shape != answers.shape:
            raise DataError("label", f"{answers.shape[1]} values each", f"{wanted.shape[1]}")
        return np.asarray((np.abs(answers - wanted) <= self.tolerance).all(axis=1))


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
    if name == "within":
        try:
            found = Within(float(value))
        except ValueError:
            found = None
        if found is not None:
            _check_lengths(model)
            return found
    raise SettingError("--metric", "accuracy, agreement or within:TOLERANCE", text)


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


def collect(
    runner: Runner, batches: Iterable[Tensors], metric: Metric, padded: int | None = None
) -> Array:
    """Run all batches; return the answers in order, [examples, ...].

    Args:
        runner: what answers.
        batches: inputs in order.
        metric: reduces outputs to answers.
        padded: the batch size that the graph insists on; None when it takes any.
    """
    parts = [metric.answers(outputs) for outputs in responses(runner, batches, padded)]
    return np.concatenate(parts)


def responses(
    runner: Runner, batches: Iterable[Tensors], padded: int | None = None
) -> Iterator[Tensors]:
    """Yield the outputs for each batch.

    Args:
        runner: what answers.
        batches: inputs in order.
        padded: the batch size that the graph insists on; None when it takes any.
    """
    for batch in batches:
        count = len(next(iter(batch.values())))
        if padded is None or count == padded:
            yield runner(batch)
            continue
        filler = padded - count
        full = {
            name: np.concatenate([array, np.repeat(array[-1:], filler, axis=0)])
            for name, array in batch.items()
        }
        yield {name: array[:count] for name, array in runner(full).items()}


def _like(truth: Array, answers: Array) -> Array:
    if answers.dtype == object and truth.dtype == object:
        return np.array([_text(value) for value in truth], dtype=object)
    return truth


def _text(value: object) -> object:
    return value.decode() if isinstance(value, bytes) else value
