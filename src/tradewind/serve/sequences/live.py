"""The sequences of one model that have begun and not ended."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import final

from tradewind.serve.refusals import Reason, Refusal
from tradewind.serve.sequences.limits import Sequences
from tradewind.tensors import Array


@final
@dataclass(eq=False)
class Live:
    """One sequence."""

    state: dict[str, Array] | None = None  # before its next step; None before its first, or ended
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)  # its requests take it one by one
    users: int = 0  # requests that have it or wait for it
    used_s: float = 0.0


@final
class Table:
    """Remembers sequences, up to a number of them and until they are idle for too long.

    Args:
        model: its name, for messages.
        limits: how many, and how long.
        clock: returns seconds.
    """

    def __init__(
        self, model: str, limits: Sequences, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._model = model
        self._limits = limits
        self._clock = clock
        self._live: OrderedDict[Hashable, Live] = OrderedDict()  # the longest idle one first
        self._alarm: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        self._forget_idle()
        return len(self._live)

    @contextmanager
    def use(self, key: Hashable, told: str, *, is_start: bool) -> Iterator[Live]:
        """Yield a sequence, which is not forgotten meanwhile.

        A sequence that begins again forgets what was there under its id. One that has no state
        when its last user leaves has never begun, or has ended, and is forgotten at once.

        Args:
            key: of the sequence.
            told: the same for messages.
            is_start: whether it begins.

        Raises:
            Refusal: it is unknown, or there is no room for another.
        """
        self._forget_idle()
        found = self._begin(key) if is_start else self._live.get(key)
        if found is None:
            raise self.unknown(told)
        found.users += 1
        try:
            yield found
        finally:
            found.users -= 1
            found.used_s = self._clock()
            if self._live.get(key) is found:
                self._live.move_to_end(key)
                if found.state is None and not found.users:
                    del self._live[key]

    def unknown(self, told: str) -> Refusal:
        """Return the refusal of a request for a sequence that is not remembered."""
        return Refusal(
            Reason.UNKNOWN_SEQUENCE,
            f"model {self._model}: sequence {told}",
            "one that has begun and is remembered",
            "another",
            "begin with the parameter `sequence_start`; a sequence is forgotten when it has ended, "
            f"after {self._limits.idle_s:g} s without a request, and when its model is reloaded.",
        )

    def close(self) -> None:
        """Forget everything."""
        self._live.clear()
        if self._alarm is not None:
            self._alarm.cancel()

    def _begin(self, key: Hashable) -> Live:
        if key not in self._live and len(self._live) >= self._limits.max_live:
            raise self._full()
        found = self._live[key] = Live(used_s=self._clock())
        self._live.move_to_end(key)
        self._watch(self._limits.idle_s)
        return found

    def _full(self) -> Refusal:
        idle_s = self._clock() - next(iter(self._live.values())).used_s
        return Refusal(
            Reason.TOO_MANY_SEQUENCES,
            f"model {self._model}",
            f"fewer than {self._limits.max_live} sequences that have begun",
            f"{len(self._live)}",
            "end those that are over with the parameter `sequence_end`, or start the server with "
            "a higher --max-sequences.",
            max(1, round(self._limits.idle_s - idle_s)),
        )

    def _forget_idle(self) -> None:
        now_s = self._clock()
        for key, one in list(self._live.items()):
            if now_s - one.used_s < self._limits.idle_s:
                return
            if not one.users:
                del self._live[key]

    def _watch(self, wait_s: float) -> None:
        """Look for idle sequences in a while, also when no request comes any more."""
        if self._alarm is None:
            self._alarm = asyncio.get_running_loop().call_later(wait_s, self._look)

    def _look(self) -> None:
        self._alarm = None
        self._forget_idle()
        if self._live:
            oldest = next(iter(self._live.values()))
            idle_s = self._clock() - oldest.used_s
            self._watch(max(self._limits.idle_s - idle_s, self._limits.idle_s / 16))
