"""Models into memory and out of it, within the budget."""

import asyncio
import logging
import math
from collections import deque
from collections.abc import Callable
from typing import final

from tradewind.serve.assembling import Assembler
from tradewind.serve.refusals import Reason, Refusal
from tradewind.serve.residency.choices import Residency
from tradewind.serve.residency.loading import Loaded, Loader
from tradewind.serve.residency.places import size_bytes
from tradewind.serve.residency.residents import Residents
from tradewind.serve.residency.shelf import Entry, Held
from tradewind.serve.served import ServedModel

_log = logging.getLogger("tradewind.serve")

_LOOK_S = 0.02
_MIB = 2**20


@final
class Keeper:
    """Loads one model at a time, so that what memory grows by is known to be its own.

    Args:
        assembler: puts queues and threads around models.
        loader: reads and compiles them.
        choices: how much may be held, how long.
        clock: in seconds.
        forget: told of every model that has to go, before anything is awaited.
    """

    def __init__(
        self,
        assembler: Assembler,
        loader: Loader,
        choices: Residency,
        clock: Callable[[], float],
        forget: Callable[[Held], None],
    ) -> None:
        self._assembler = assembler
        self._loader = loader
        self._choices = choices
        self._clock = clock
        self._forget = forget
        self._residents: Residents[Held] = Residents(choices.memory_bytes, choices.min_stay_s)
        self._leaving: set[asyncio.Task[None]] = set()

    def adopt(self, entry: Entry, model: ServedModel) -> Held:
        """Return what holds a model that was opened by somebody else, and stays."""
        return self._hold(entry, model, 0)

    async def bring(self, entry: Entry, previous: Held | None) -> Held:
        """Return a version in memory that is warm and answers as `previous` does.

        Raises:
            Refusal: there is no room for it.
            TradewindError: it is damaged, cannot be run here, or breaks where the other did not.
        """
        assert entry.path is not None
        guess_bytes = entry.size_bytes or size_bytes(entry.path)
        await self._make_room(entry, guess_bytes, previous)
        loaded = await self._loader.load(entry.path, entry.name, entry.version)
        try:
            entry.note = await self._compared(previous, loaded)
            entry.size_bytes = loaded.size_bytes
            await self._make_room(entry, loaded.size_bytes, previous)
        except BaseException:
            await self._loader.free(loaded.model.runner)
            raise
        _log.info(
            "model %s version %s loaded in %.2f s, %.1f MiB%s",
            entry.name,
            entry.version,
            loaded.took_s,
            loaded.size_bytes / _MIB,
            entry.note and f"; {entry.note}",
        )
        entry.took_s = loaded.took_s
        return self._hold(entry, loaded.model, loaded.size_bytes)

    def retire(self, held: Held) -> None:
        """Close a version once its last request is answered; nobody must find it any more."""
        task = asyncio.create_task(self._retire(held))
        self._leaving.add(task)
        task.add_done_callback(self._leaving.discard)

    def disown(self, held: Held) -> None:
        """Let go of a model that was adopted: whoever made its runner closes it."""
        self._assembler.release(held.assembled)

    async def close(self) -> None:
        """Wait until everything that was retired is closed."""
        if self._leaving:
            await asyncio.wait(self._leaving)

    async def _retire(self, held: Held) -> None:
        while held.is_busy:
            await asyncio.sleep(_LOOK_S)
        self._residents.drop(held)
        self._assembler.release(held.assembled)
        await self._loader.free(held.assembled.endpoint.model.runner)

    def _hold(self, entry: Entry, model: ServedModel, size: int) -> Held:
        assembled = self._assembler.assemble(model, size)
        assembled.endpoint.recent = deque(maxlen=self._choices.samples)
        held = Held(entry, assembled)
        now_s = self._clock()
        held.resident = self._residents.add(held, size, now_s, is_pinned=entry.is_pinned)
        return held

    async def _compared(self, previous: Held | None, loaded: Loaded) -> str:
        if previous is None:
            return ""
        endpoint = previous.assembled.endpoint
        with endpoint.lease():
            samples = list(endpoint.recent)
            return str(await self._loader.compare(endpoint.model, loaded.model, samples))

    async def _make_room(self, entry: Entry, needed_bytes: int, kept: Held | None) -> None:
        """Let the least recently used go until so much fits, but for the one that is kept.

        Raises:
            Refusal: it cannot be made to fit now.
        """
        while True:
            going = self._residents.leavers(
                needed_bytes, self._clock(), lambda held: held.must_stay or held is kept
            )
            if going is None:
                raise self._no_room(entry, needed_bytes)
            if not going:
                return
            for held in going:
                model = held.assembled.endpoint.model
                _log.info("model %s version %s makes room", model.name, model.version)
                self._forget(held)
                await self._retire(held)

    def _no_room(self, entry: Entry, needed_bytes: int) -> Refusal:
        may_help = self._residents.fits_later(needed_bytes)
        return Refusal(
            Reason.NO_ROOM,
            f"model {entry.name}",
            f"room for {needed_bytes / _MIB:.1f} MiB",
            f"{self._residents.total_bytes / _MIB:.1f} of "
            f"{self._choices.memory_bytes / _MIB:.1f} MiB taken by models that must stay",
            "come back later, or allow more with --model-memory-mb.",
            max(1, math.ceil(self._choices.min_stay_s)) if may_help else 0,
        )
