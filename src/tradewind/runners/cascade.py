"""A cheap model answers what it is sure of; what is left goes to the next."""

import threading
import time
from collections.abc import Sequence
from typing import final

import numpy as np

from tradewind.errors import EngineError, SettingError
from tradewind.runners.confidence import ConfidenceRule, not_by_example
from tradewind.runners.runner import Runner
from tradewind.tensors import Array, Signature, Tensors

_WASTE = 4 / 3
"""Up to so many rows for every one that is needed, a batch is padded to a size that is quick."""


@final
class Cascade(Runner):
    """Answers with the first stage that is sure, example by example.

    All examples of a call go through the first stage at once; those that it is unsure of go
    through the next one together, and so on. The last stage always answers.

    Args:
        stages: of the same inputs and outputs, the cheapest first; closed with this runner.
        rules: for every stage but the last, which of its answers stand.
        preferred: for every stage the batch sizes that it is quick with; a few rows are repeated
            to reach one. Any size is as good where there are none.

    Raises:
        SettingError: the stages do not fit each other, or not one rule belongs to each.
    """

    def __init__(
        self,
        stages: Sequence[Runner],
        rules: Sequence[ConfidenceRule],
        preferred: Sequence[tuple[int, ...]] = (),
    ) -> None:
        _check(stages, rules, preferred)
        self._stages = tuple(stages)
        self._rules = tuple(rules)
        self._preferred = tuple(preferred) or ((),) * len(stages)
        self._signature = stages[-1].signature
        self._batched = {spec.name for spec in self._signature.inputs if spec.shape}
        self._lock = threading.Lock()
        self._answered = [0] * len(stages)
        self._spent_s = [0.0] * len(stages)

    @property
    def signature(self) -> Signature:
        return self._signature

    @property
    def parts(self) -> tuple[Runner, ...]:
        return self._stages

    @property
    def answered(self) -> tuple[int, ...]:
        with self._lock:
            return tuple(self._answered)

    @property
    def spent_s(self) -> tuple[float, ...]:
        with self._lock:
            return tuple(self._spent_s)

    def __call__(self, inputs: Tensors) -> dict[str, Array]:
        count = len(next(inputs[name] for name in self._batched))
        pending = np.arange(count)  # rows that no stage was sure of
        batch, answers = inputs, dict[str, Array]()
        tally, took_s = [0] * len(self._stages), [0.0] * len(self._stages)
        for number in range(len(self._stages)):
            began_s = time.perf_counter()
            outputs = self._ask(number, batch, len(pending))
            took_s[number] = time.perf_counter() - began_s
            answers = outputs if len(pending) == count else _merged(answers, pending, outputs)
            if number == len(self._rules):
                tally[number] = len(pending)
                break
            unsure = np.flatnonzero(~self._rules[number].is_sure(outputs, batch))
            tally[number] = len(pending) - len(unsure)
            if not len(unsure):
                break
            if len(unsure) < len(pending):
                batch, pending = self._taken(batch, unsure), pending[unsure]
        with self._lock:
            self._answered = [a + b for a, b in zip(self._answered, tally, strict=True)]
            self._spent_s = [a + b for a, b in zip(self._spent_s, took_s, strict=True)]
        return answers

    def close(self) -> None:
        for stage in self._stages:
            stage.close()

    def _taken(self, batch: Tensors, rows: Array) -> dict[str, Array]:
        return {
            name: array[rows] if name in self._batched else array for name, array in batch.items()
        }

    def _ask(self, number: int, batch: Tensors, count: int) -> dict[str, Array]:
        """Return one stage's answers, asked in portions of sizes that suit it."""
        stage = self._stages[number]
        sizes = portions(count, self._preferred[number], stage.signature.fixed_batch)
        if sizes == [count]:
            return stage(batch)
        parts, start = list[dict[str, Array]](), 0
        for size in sizes:
            # the last row is repeated where there are too few
            rows = np.minimum(np.arange(start, start + size), count - 1)
            outputs = stage(self._taken(batch, rows))
            parts.append({name: array[: count - start] for name, array in outputs.items()})
            start += size
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def portions(count: int, preferred: Sequence[int], fixed: int | None) -> list[int]:
    """Return the batch sizes in which to ask about `count` rows; together `count` or more.

    Args:
        count: rows, 1 or more.
        preferred: sizes that are quick; any other can be asked too.
        fixed: the only size that can be asked; None when any can.
    """
    if fixed is not None:
        return [fixed] * -(-count // fixed)
    near = [size for size in preferred if count <= size <= count * _WASTE]
    return [min(near, default=count)]


def _merged(answers: dict[str, Array], rows: Array, outputs: Tensors) -> dict[str, Array]:
    """Return `answers` with those of `rows` replaced.

    Raises:
        EngineError: the stages put out different shapes for the same examples.
    """
    for name, array in outputs.items():
        mine = answers[name]
        if mine.shape[1:] != array.shape[1:]:
            shape = f"shape {[len(rows), *mine.shape[1:]]}, as the stage before answered"
            raise EngineError(f"cascade: {name}", shape, f"shape {list(array.shape)}")
        if not mine.flags.writeable:
            answers[name] = mine = mine.copy()
        mine[rows] = array
    return answers


def _check(
    stages: Sequence[Runner],
    rules: Sequence[ConfidenceRule],
    preferred: Sequence[tuple[int, ...]],
) -> None:
    if len(stages) < 2 or len(rules) != len(stages) - 1:
        got = f"{len(stages)} stages and {len(rules)} rules"
        raise SettingError("cascade", "two stages or more, a rule for each but the last", got)
    if preferred and len(preferred) != len(stages):
        raise SettingError("cascade: preferred", f"{len(stages)} entries", f"{len(preferred)}")
    wanted = _described(stages[-1].signature)
    for number, stage in enumerate(stages):
        if trouble := not_by_example(stage.signature):
            expected = "answers to one example after the other"
            raise SettingError(f"cascade: stage {number + 1}", expected, trouble)
        found = _described(stage.signature)
        if found != wanted:
            raise SettingError(f"cascade: stage {number + 1}", f"{wanted}", f"{found}")
    for number, (stage, rule) in enumerate(zip(stages[:-1], rules, strict=True)):
        if trouble := rule.obstacle(stage.signature):
            where = f"cascade: rule {number + 1}"
            raise SettingError(where, "a stage whose answers it can rate", trouble)


def _described(signature: Signature) -> list[tuple[str, str, tuple[int, ...]]]:
    """Return what two stages must have in common: everything but the number of examples."""
    return [
        (spec.name, spec.datatype.value, spec.open_shape[1:])
        for spec in (*signature.inputs, *signature.outputs)
    ]
