"""What a student is to answer, and how far it is from that."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, final

import numpy as np

from tradewind.interpreter.pytorch import Tensor, functional, torch
from tradewind.tensors import Array, Tensors

Kind = Literal["scores", "shares", "values"]
"""Scores of classes before softmax, shares that add up to 1, or numbers of any other kind."""


@final
@dataclass(frozen=True)
class Target:
    """One output of the teacher that the student learns.

    Args:
        kind: what its numbers are.
        variance: of the teacher's answers, in their unit squared.
        weight: of its loss.
    """

    kind: Kind
    variance: float
    weight: float = 1.0

    def loss(self, got: Tensor, wanted: Tensor, temperature: float) -> Tensor:
        """Return the mean loss per example.

        Of classes it is KL(teacher || student) at a temperature, times its square, which keeps
        the size of the gradients (Hinton et al. 2015). Of other numbers it is the mean squared
        error in units of the teacher's variance.
        """
        if self.kind == "values":
            return functional.mse_loss(got.float(), wanted.float()) / self.variance
        student = _logits(got.float(), self.kind) / temperature
        teacher = _logits(wanted.float(), self.kind) / temperature
        return temperature**2 * functional.kl_div(
            torch.log_softmax(student, -1), torch.log_softmax(teacher, -1),
            reduction="batchmean", log_target=True,
        )  # fmt: skip

    def agreement(self, got: Array, wanted: Array) -> float:
        """Return the share of examples with the teacher's class, or of variance explained."""
        if self.kind == "values":
            error = np.mean((got.astype(np.float64) - wanted) ** 2)
            return float(1 - error / self.variance)
        return float(np.mean(got.argmax(-1) == wanted.argmax(-1)))


def _logits(x: Tensor, kind: Kind) -> Tensor:
    # a share of exactly 0 has no logarithm
    return x if kind == "scores" else torch.log(x.clamp(min=1e-7))


def find_targets(answers: Tensors, inputs: Tensors) -> dict[str, Target]:
    """Return what can be learned of the teacher's outputs, judged by its answers.

    What does not begin with the examples is no answer to them, and whole numbers cannot be
    learned. Numbers for classes are [examples, classes]; an output of the shape of an input is
    none, but a reconstruction of it.
    """
    found: dict[str, Target] = {}
    shapes = {array.shape for array in inputs.values()}
    count = next(len(array) for array in inputs.values() if array.ndim)
    for name, array in answers.items():
        if array.shape[:1] != (count,):
            continue
        if array.dtype.kind != "f" and array.dtype.name != "bfloat16":
            continue
        values = array.astype(np.float64)
        variance = max(float(values.var()), 1e-12)
        if array.ndim != 2 or array.shape[1] < 2 or array.shape in shapes:
            found[name] = Target("values", variance)
            continue
        adds_up = bool(np.allclose(values.sum(1), 1, atol=1e-3) and (values >= 0).all())
        found[name] = Target("shares" if adds_up else "scores", variance)
    return found


def total_loss(
    targets: Mapping[str, Target], got: Mapping[str, Tensor], wanted: Tensors, temperature: float
) -> Tensor:
    """Return the weighted sum of the losses of all targets."""
    parts = [
        target.weight
        * target.loss(
            got[name], torch.from_numpy(np.array(wanted[name])).to(got[name].device), temperature
        )
        for name, target in targets.items()
    ]
    return torch.stack(parts).sum()
