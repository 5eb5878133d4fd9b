"""The teacher's answers, computed by whatever engine is fastest, and kept."""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import final

import numpy as np

from tradewind.engines import ENGINES
from tradewind.errors import PassError, TradewindError
from tradewind.model import Model
from tradewind.passes.contract import Observed
from tradewind.passes.distillation.augmenting import Augmentation, joined, moving_axes
from tradewind.passes.distillation.targets import Target
from tradewind.runners import Runner
from tradewind.tensors import Array, Tensors

Answer = Callable[[Tensors], dict[str, Array]]
"""What the teacher says to any number of examples."""

_MIN_AGREEMENT = 0.9
"""With its own answer to the example as it is, on a variant of it."""
_NOISE = 0.1
"""Standard deviation of noise, in standard deviations of the data."""
_BLENDED = 0.5
"""Share of the examples that are blended where an input is no image."""


def fastest(model: Model, inputs: Tensors) -> Runner:
    """Return the runner that answers soonest on this machine.

    Raises:
        PassError: no engine runs the model.
    """
    best: Runner | None = None
    best_s, troubles = float("inf"), []
    for kind in ENGINES:
        try:
            runner = kind().compile(model)
            runner(inputs)  # the first call sets things up
            began = time.perf_counter()
            runner(inputs)
            took_s = time.perf_counter() - began
        except TradewindError as error:
            troubles.append(str(error).splitlines()[0])
            continue
        if took_s < best_s:
            best, best_s = runner, took_s
    if best is None:
        raise PassError(model.origin.source, "a teacher that an engine runs", "; ".join(troubles))
    return best


def in_batches(runner: Runner, size: int) -> Answer:
    """Return a function that answers any number of examples, `size` at a time."""

    def answer(inputs: Tensors) -> dict[str, Array]:
        count = next(len(array) for array in inputs.values() if array.ndim)
        parts = [runner(batch) for batch in _padded(inputs, count, size)]
        return {name: np.concatenate([part[name] for part in parts])[:count] for name in parts[0]}

    return answer


def _padded(inputs: Tensors, count: int, size: int) -> Iterator[dict[str, Array]]:
    """Yield batches of one size: the last is filled up, because a graph may insist on it."""
    for start in range(0, count, size):
        rows = np.arange(start, start + size) % count
        yield {name: array[rows] if array.ndim else array for name, array in inputs.items()}


@final
@dataclass(frozen=True)
class Variants:
    """Examples, and what can be made of them.

    Args:
        seen: the examples.
        augmentations: by input.
        seed: of all variants.
    """

    seen: Observed
    augmentations: Mapping[str, Augmentation]
    seed: int

    def inputs(self, rows: Array, variant: int) -> dict[str, Array]:
        """Return some examples; variant 0 is how they are."""
        found = {}
        for at, (name, array) in enumerate(self.seen.inputs.items()):
            if array.ndim == 0:
                found[name] = array
            elif variant and name in self.augmentations:
                seed = (self.seed, variant, at)
                found[name] = self.augmentations[name].apply(array, rows, seed)
            else:
                found[name] = array[rows]
        return found


def choose_augmentations(
    answer: Answer, seen: Observed, rows: Array, targets: Mapping[str, Target], seed: int
) -> dict[str, Augmentation]:
    """Return, for each input, the changes under which the teacher keeps its answers.

    Args:
        answer: the teacher.
        seen: all examples.
        rows: those on which it is asked.
        targets: the outputs that count.
        seed: of the variants that are tried.
    """
    plain = answer(Variants(seen, {}, seed).inputs(rows, 0))
    found: dict[str, Augmentation] = {}
    for name, array in seen.inputs.items():
        if array.ndim == 0 or array.dtype not in (np.float32, np.float64):
            continue
        kept = Augmentation(moving_axes(array.shape))
        for candidate in _candidates(array, kept):
            answers = answer(Variants(seen, {name: candidate}, seed).inputs(rows, 1))
            if all(
                target.agreement(answers[output], plain[output]) >= _MIN_AGREEMENT
                for output, target in targets.items()
            ):
                kept = joined(kept, candidate)
        # a blend has no answer of its own to keep: the teacher's is the target
        found[name] = kept if kept.is_image else replace(kept, mixes=_BLENDED)
    return found


def _candidates(array: Array, plain: Augmentation) -> list[Augmentation]:
    """Return single changes to try."""
    shifts = [replace(plain, shifts=True)] if plain.axes else []
    if plain.is_image:
        return [replace(plain, flips=True), *shifts]
    return [*shifts, replace(plain, noise=(array.std(0) * _NOISE).astype(array.dtype))]


@final
class Teacher:
    """Answers to the examples and their variants, each computed once.

    Args:
        answer: the model.
        variants: what is asked.
        names: the outputs that are kept.
    """

    def __init__(self, answer: Answer, variants: Variants, names: tuple[str, ...]) -> None:
        self._answer = answer
        self._variants = variants
        self._names = names
        self._kept: dict[int, dict[str, Array]] = {}
        self._is_known: dict[int, Array] = {}

    def answers(self, inputs: Tensors, rows: Array, variant: int) -> dict[str, Array]:
        """Return the answers to `inputs`, which are some rows of a variant."""
        count = len(self._variants.seen)
        known = self._is_known.setdefault(variant, np.zeros(count, np.bool_))
        if not known[rows].all():
            fresh = self._answer(inputs)
            kept = self._kept.setdefault(
                variant,
                {
                    name: np.empty((count, *fresh[name].shape[1:]), fresh[name].dtype)
                    for name in self._names
                },
            )
            for name in self._names:
                kept[name][rows] = fresh[name]
            known[rows] = True
        return {name: array[rows] for name, array in self._kept[variant].items()}
