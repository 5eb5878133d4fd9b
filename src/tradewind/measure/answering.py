"""Asking a runner about many examples."""

import time
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice

import numpy as np

from tradewind.measure.metric import Metric
from tradewind.runners import Runner
from tradewind.tensors import Array, Tensors

_TURN_S = 0.005
"""What a caller is handed at once takes about so long: handing over costs as much as a tiny model
takes to answer, and what is begun cannot be stopped."""


def collect(
    runner: Runner,
    batches: Iterable[Tensors],
    metric: Metric,
    padded: int | None = None,
    callers: int = 1,
) -> Array:
    """Run all batches; return the answers in order, [examples, ...].

    Args:
        runner: what answers.
        batches: inputs in order.
        metric: reduces outputs to answers.
        padded: the batch size that the graph insists on; None when it takes any.
        callers: how many threads ask at the same time.
    """
    parts = [metric.answers(outputs) for outputs in responses(runner, batches, padded, callers)]
    return np.concatenate(parts)


def responses(
    runner: Runner, batches: Iterable[Tensors], padded: int | None = None, callers: int = 1
) -> Iterator[Tensors]:
    """Yield the outputs for each batch, in order.

    Args:
        runner: what answers.
        batches: inputs in order.
        padded: the batch size that the graph insists on; None when it takes any.
        callers: how many threads ask at the same time.
    """
    if callers == 1:
        for batch in batches:
            yield _answer(runner, batch, padded)
        return
    asked: deque[Future[list[Tensors]]] = deque()
    left, turn = iter(batches), _Turn(runner, padded)
    with ThreadPoolExecutor(callers) as pool:
        while group := list(islice(left, turn.size)):
            asked.append(pool.submit(turn.take, group))
            if len(asked) == callers:
                yield from asked.popleft().result()
        while asked:
            yield from asked.popleft().result()


class _Turn:
    """What one of several callers is handed at once.

    Args:
        runner: what answers.
        padded: the batch size that the graph insists on.
    """

    def __init__(self, runner: Runner, padded: int | None) -> None:
        self._runner = runner
        self._padded = padded
        self.size = 1
        """Batches in the next turn."""

    def take(self, batches: list[Tensors]) -> list[Tensors]:
        """Return the outputs for some batches, and learn from the time they took."""
        began = time.perf_counter()
        answers = [_answer(self._runner, batch, self._padded) for batch in batches]
        each_s = (time.perf_counter() - began) / len(batches)
        self.size = max(min(round(_TURN_S / max(each_s, 1e-9)), 2 * len(batches)), 1)
        return answers


def _answer(runner: Runner, batch: Tensors, padded: int | None) -> Tensors:
    count = len(next(iter(batch.values())))
    if padded is None or count == padded:
        return runner(batch)
    filler = padded - count
    full = {
        name: np.concatenate([array, np.repeat(array[-1:], filler, axis=0)])
        for name, array in batch.items()
    }
    return {name: array[:count] for name, array in runner(full).items()}
