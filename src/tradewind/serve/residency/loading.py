"""Bringing one model into memory beside those that answer, without slowing them down.

Bytes are read and hashed on a thread of low priority. Compiling has to happen at the usual one:
the threads that an engine starts inherit it for good, and only root may raise it again. Meanwhile
Python's threads take turns more often than usual, since what they wait for adds to every answer.
"""

import contextlib
import gc
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import final

from tradewind.runners import Runner
from tradewind.serve.batching import Threads
from tradewind.serve.residency.comparing import Difference, compare
from tradewind.serve.residency.memory import give_back, own_bytes
from tradewind.serve.residency.places import Family, fingerprint, look
from tradewind.serve.residency.warmup import warm_up
from tradewind.serve.served import ServedModel
from tradewind.tensors import Tensors

Compile = Callable[[], ServedModel]
Opener = Callable[[Path, str, str], Compile]
"""Checks and reads the file at a path for a name and version; what it returns compiles it."""

_NICENESS = 10
_TURN_S = 2e-4
_LEAST_BYTES = 1 << 16


@final
@dataclass(frozen=True)
class Loaded:
    """A model that is warm, with what it took."""

    model: ServedModel
    size_bytes: int  # by which this process has grown
    took_s: float


class Loader:
    """Two threads: one that reads, one that compiles.

    Args:
        opener: opens what lies at a path.
        measure: returns what this process has in memory, once all that may go has gone.
    """

    def __init__(self, opener: Opener, measure: Callable[[], int] | None = None) -> None:
        self._opener = opener
        self._measure = measure or _settled_bytes
        self._reading = Threads(1, "tradewind-read")
        self._compiling = Threads(1, "tradewind-load")
        self._reading.run(_step_back)

    async def look(self, folder: Path) -> dict[str, Family]:
        """Return what `places.look` does."""
        return await self._reading.run(partial(look, folder))

    async def fingerprints(self, paths: Sequence[Path]) -> list[tuple[object, ...]]:
        """Return what `places.fingerprint` does, for each path."""
        return await self._reading.run(lambda: [fingerprint(path) for path in paths])

    async def load(self, path: Path, name: str, version: str) -> Loaded:
        """Check, read, compile and warm up a model, one at a time.

        Raises:
            TradewindError: it is damaged, or cannot be run here.
        """
        started_s = time.perf_counter()
        with _short_turns():
            before = await self._reading.run(self._measure)
            box: list[Compile] = []  # a thread remembers the last thing that it returned
            await self._reading.run(lambda: box.append(self._opener(path, name, version)))
            model = await self._compiling.run(partial(_warm, box))
            grown = await self._compiling.run(self._measure) - before
        took_s = time.perf_counter() - started_s
        return Loaded(model, max(grown, _LEAST_BYTES), took_s)

    async def compare(
        self, old: ServedModel, new: ServedModel, samples: Sequence[Tensors]
    ) -> Difference:
        """Return how differently two models answer; see `comparing.compare`."""
        is_same = bool(old.digest) and old.digest == new.digest
        samples = [old.first_step(sample) for sample in samples]
        with _short_turns():
            return await self._compiling.run(
                partial(compare, old.runner, new.runner, samples, is_same_graph=is_same)
            )

    async def free(self, runner: Runner) -> None:
        """Close a runner that nobody asks any more."""
        await self._compiling.run(partial(_free, [runner]))

    def close(self) -> None:
        """Let both threads end."""
        self._reading.close()
        self._compiling.close()


def _warm(box: list[Compile]) -> ServedModel:
    model = box.pop()()  # nothing else holds the bytes of the file any more
    warm_up(model)
    return model


def _free(box: list[Runner]) -> None:
    box.pop().close()
    give_back()


def _settled_bytes() -> int:
    gc.collect()  # graphs are full of cycles
    give_back()
    return own_bytes()


def _step_back() -> None:
    with contextlib.suppress(OSError, AttributeError):  # Linux has priorities for threads
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)


@contextlib.contextmanager
def _short_turns() -> Iterator[None]:
    """Let the event loop wait less for its turn while another thread runs Python."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(min(before, _TURN_S))
    try:
        yield
    finally:
        sys.setswitchinterval(before)
