"""Asking a runner about many examples."""

from collections.abc import Iterable, Iterator

import numpy as np

from tradewind.measure.metric import Metric
from tradewind.runners import Runner
from tradewind.tensors import Array, Tensors


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
