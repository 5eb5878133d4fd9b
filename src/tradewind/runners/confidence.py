"""When an answer is sure enough to stand: what every rule is, and those that look at scores."""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import ClassVar, Self, final

import numpy as np

from tradewind.errors import SettingError
from tradewind.tensors import Array, Datatype, Signature, Tensors, TensorSpec

_LEAST_PROBABILITY = 1e-12
"""Below it a probability is taken as this: int8 graphs put out zeros, whose logarithm is none."""


@final
@dataclass(frozen=True)
class Scores:
    """Where a model puts the scores of its classes, and what they are.

    Args:
        output: the name of the output; [N, classes], or [N] or [N, 1] for the score of one class.
        are_probabilities: whether they are probabilities rather than logits.
    """

    output: str
    are_probabilities: bool = False

    def logits(self, outputs: Tensors) -> Array:
        """Return the scores as logits, float64[N, classes], with 2 classes or more."""
        values = np.asarray(outputs[self.output])
        flat: Array = values.reshape(len(values), math.prod(values.shape[1:])).astype(np.float64)
        if self.are_probabilities:
            if flat.shape[1] == 1:
                flat = np.concatenate([1.0 - flat, flat], axis=1)
            return np.asarray(np.log(np.maximum(flat, _LEAST_PROBABILITY)))
        if flat.shape[1] == 1:
            flat = np.concatenate([-flat / 2, flat / 2], axis=1)
        return flat


def score_output(signature: Signature) -> str | None:
    """Return the output that holds class scores; None where there is none.

    It is the first output, which decides the class, or the first [N, classes] of floats behind an
    output that names the class already.
    """
    first = signature.outputs[0]
    if _is_float(first):
        has_classes = len(first.shape) == 2 or (len(first.shape) == 1 and _is_batched(first))
        return first.name if has_classes else None
    for spec in signature.outputs[1:]:
        if _is_float(spec) and len(spec.shape) == 2:
            return spec.name
    return None


def obstacle(signature: Signature) -> str:
    """Say why a model cannot be a stage that is rated by class scores; empty when it can."""
    if not signature.outputs or score_output(signature) is None:
        return "no output holds one score for each class, so that nothing tells how sure it is"
    return not_by_example(signature)


def not_by_example(signature: Signature) -> str:
    """Say why a model cannot be asked about some of many examples; empty when it can."""
    fixed = signature.fixed_batch
    for spec in signature.outputs:
        if not spec.shape or (isinstance(spec.shape[0], int) and spec.shape[0] != fixed):
            return f"{spec.name} is not computed example by example"
    if not any(spec.shape for spec in signature.inputs):
        return "no input counts examples"
    return ""


def look_like_probabilities(values: Array) -> bool:
    """Say whether scores are shares of one, as a softmax or a sigmoid puts them out.

    Args:
        values: float[N, classes], [N, 1] or [N], of many examples.
    """
    if not values.size:
        return False
    flat = np.asarray(values).reshape(len(values), -1).astype(np.float64)
    if not np.isfinite(flat).all() or flat.min() < -1e-3 or flat.max() > 1.001:
        return False
    # 8-bit shares are off by half a step of 1/256 each
    slack = 0.01 + flat.shape[1] / 512
    return flat.shape[1] == 1 or bool((np.abs(flat.sum(axis=1) - 1.0) <= slack).all())


def _is_float(spec: TensorSpec) -> bool:
    return spec.datatype in (Datatype.FP16, Datatype.BF16, Datatype.FP32, Datatype.FP64)


def _is_batched(spec: TensorSpec) -> bool:
    return spec.has_free_batch


class ConfidenceRule(ABC):
    """Says which answers of a stage stand; children are frozen, and their fields settings."""

    name: ClassVar[str]

    threshold: float  # the least confidence with which an answer stands

    def is_sure(self, outputs: Tensors, inputs: Tensors | None = None) -> Array:
        """Return bool[N]: which answers stand; one whose confidence is no number does not."""
        return np.asarray(self.confidence(outputs, inputs) >= self.threshold)

    @abstractmethod
    def confidence(self, outputs: Tensors, inputs: Tensors | None = None) -> Array:
        """Return how sure each answer is, float64[N].

        Args:
            outputs: what the stage answered.
            inputs: what it was asked; a rule may look at the outputs alone.
        """

    @abstractmethod
    def obstacle(self, signature: Signature) -> str:
        """Say why answers of a model with this signature cannot be rated; empty when they can."""

    @property
    @abstractmethod
    def label(self) -> str:
        """What is asked of an answer, in words."""

    @abstractmethod
    def at(self, threshold: float) -> Self:
        """Return the same rule with another threshold."""


@dataclass(frozen=True)
class ScoreRule(ConfidenceRule):
    """A rule that looks at class scores.

    Args:
        scores: where they are.
        threshold: the least confidence with which an answer stands.
    """

    scores: Scores
    threshold: float

    def confidence(self, outputs: Tensors, inputs: Tensors | None = None) -> Array:
        with np.errstate(invalid="ignore", over="ignore"):  # a score may be infinite
            return self.rate(self.scores.logits(outputs))

    @abstractmethod
    def rate(self, logits: Array) -> Array:
        """Return how sure answers with these logits are, float64[N].

        Args:
            logits: float64[N, classes].
        """

    def obstacle(self, signature: Signature) -> str:
        names = [spec.name for spec in signature.outputs]
        if self.scores.output not in names:
            return f"{self.scores.output} is none of the outputs {names}"
        return obstacle(signature)

    def at(self, threshold: float) -> Self:
        return replace(self, threshold=threshold)


@final
@dataclass(frozen=True)
class Margin(ScoreRule):
    """The distance between the two likeliest classes, p1 - p2 with p = softmax(logits / T)."""

    name: ClassVar[str] = "margin"

    temperature: float = 1.0

    def __post_init__(self) -> None:
        if not self.temperature > 0:
            raise SettingError("temperature", "more than 0", f"{self.temperature:g}")

    def rate(self, logits: Array) -> Array:
        shares = softmax(logits / self.temperature)
        top = np.partition(shares, -2, axis=1)[:, -2:]
        return np.asarray(top[:, 1] - top[:, 0])

    @property
    def label(self) -> str:
        return f"margin of {self.threshold:.3g} or more"


@final
@dataclass(frozen=True)
class AgreementPredictor(ScoreRule):
    """The probability that the original answers alike, by a logistic regression.

    sigmoid(bias + weights . traits(logits)); the traits are the margin between the two likeliest
    classes as logits and as probabilities, the entropy, and how far the next classes are behind.

    Args:
        weights: one for every trait.
        bias: of the logit.
    """

    name: ClassVar[str] = "agreement"

    weights: tuple[float, ...] = ()
    bias: float = 0.0

    def rate(self, logits: Array) -> Array:
        found = traits(logits, len(self.weights))
        return np.asarray(sigmoid(self.bias + found @ np.array(self.weights)))

    @property
    def label(self) -> str:
        return f"predicted agreement of {self.threshold:.3g} or more"


MAX_TRAITS = 6


def traits(logits: Array, count: int = MAX_TRAITS) -> Array:
    """Return what an agreement is predicted from, float64[N, min(count, classes + 1)].

    Args:
        logits: float64[N, classes].
        count: traits at most.
    """
    shares = softmax(logits)
    ranked = -np.sort(-logits, axis=1)
    top = np.partition(shares, -2, axis=1)[:, -2:]
    entropy = -(shares * np.log(np.maximum(shares, _LEAST_PROBABILITY))).sum(axis=1)
    behind = np.minimum(ranked[:, :1] - ranked[:, 1:], -np.log(_LEAST_PROBABILITY))
    found = [behind[:, :1], (top[:, 1] - top[:, 0])[:, None], entropy[:, None], behind[:, 1:]]
    return np.concatenate(found, axis=1)[:, :count]


def sigmoid(values: Array) -> Array:
    """Return 1 / (1 + exp(-values)), which does not overflow."""
    return np.asarray(0.5 * (1.0 + np.tanh(values / 2)))


def softmax(logits: Array) -> Array:
    """Return the shares of the classes, float64[N, classes]; each row adds up to 1."""
    raised = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=1, keepdims=True))
