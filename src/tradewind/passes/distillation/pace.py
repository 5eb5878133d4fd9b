"""How a student is computed soonest on this machine."""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any, final

from tradewind.interpreter.pytorch import torch


@final
@dataclass(frozen=True)
class Pace:
    """One way to compute a step of training.

    Args:
        threads: inside one operator.
        is_bf16: whether products are computed in bfloat16.
    """

    threads: int
    is_bf16: bool

    def precision(self, device: str) -> AbstractContextManager[Any]:
        """Return a block in which products are computed in bfloat16, if they are to be."""
        found: AbstractContextManager[Any] = torch.autocast(
            device, torch.bfloat16, enabled=self.is_bf16
        )
        return found


def find_pace(step: Callable[[Pace], None], may_bf16: bool, device: str) -> Pace:
    """Return the way whose step takes the least time: threads first, then the precision.

    Where other programs keep cores busy, a thread of its own waits for one that does not run:
    a single one is often faster then than several.

    Args:
        step: computes one step of training, and throws it away.
        may_bf16: whether lower precision is allowed.
        device: on a GPU the number of threads does not matter.
    """
    most = torch.get_num_threads()
    counts = sorted({1, most}) if device == "cpu" else [most]
    best = min((Pace(count, is_bf16=False) for count in counts), key=lambda one: _time_s(one, step))
    if not may_bf16:
        return best
    lower = Pace(best.threads, is_bf16=True)
    return lower if _time_s(lower, step) < _time_s(best, step) else best


def _time_s(pace: Pace, step: Callable[[Pace], None]) -> float:
    """Return how long a step takes, after one that sets things up."""
    with using(pace):
        step(pace)
        began = time.perf_counter()
        step(pace)
        return time.perf_counter() - began


@contextmanager
def using(pace: Pace) -> Iterator[None]:
    """Let PyTorch use so many threads in this block."""
    before = torch.get_num_threads()
    torch.set_num_threads(pace.threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)
