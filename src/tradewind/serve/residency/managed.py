"""The catalog of a server: models that were named at its start, and those of a directory."""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from tradewind.errors import SettingError, TradewindError
from tradewind.serve.assembling import Assembler
from tradewind.serve.catalog import Catalog, Listed, unknown_model
from tradewind.serve.endpoint import Endpoint
from tradewind.serve.refusals import Reason, Refusal
from tradewind.serve.residency.choices import Control, Residency
from tradewind.serve.residency.excuses import (
    again,
    broken,
    not_loaded,
    not_managed,
    still_loading,
    unknown_parameter,
)
from tradewind.serve.residency.keeping import Keeper
from tradewind.serve.residency.loading import Loader
from tradewind.serve.residency.places import Family
from tradewind.serve.residency.shelf import Entry, Held, Shelf
from tradewind.serve.served import ServedModel

_log = logging.getLogger("tradewind.serve")


class ManagedCatalog(Catalog):
    """Loads models when they are asked for, and lets go of those that nobody asks.

    Args:
        assembler: puts queues and threads around models.
        loader: reads and compiles them.
        choices: which models, how many bytes, who decides.
        clock: in seconds.
    """

    def __init__(
        self,
        assembler: Assembler,
        loader: Loader,
        choices: Residency,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._loader = loader
        self._choices = choices
        self._clock = clock
        self._keeper = Keeper(assembler, loader, choices, clock, self._forget)
        self._turn = asyncio.Lock()
        self._shelves: dict[str, Shelf] = {}
        self._named: set[str] = set()  # at the start, so that no directory may change them
        self._quick: dict[str | tuple[str, str], Held] = {}
        self._polling: asyncio.Task[None] | None = None

    async def start(self, models: Sequence[ServedModel], paths: Mapping[str, Path]) -> None:
        """Take the models that stay for good, and look at the directory.

        Args:
            models: opened and warm.
            paths: of files to load now, by name.

        Raises:
            TradewindError: one of them cannot be loaded.
            SettingError: a model is to be loaded that is not there.
        """
        for model in models:
            shelf = self._named_shelf(model.name, Family({model.version: Path()}))
            entry = shelf.entries[model.version]
            entry.path = None
            self._place(shelf, entry, self._keeper.adopt(entry, model))
        for name, path in paths.items():
            shelf = self._named_shelf(name, Family({"1": path}))
            self._place(shelf, shelf.entries["1"], await self._bring(shelf, shelf.entries["1"]))
        await self.refresh()
        wanted = self._shelves if "*" in self._choices.load else self._choices.load
        for name in list(wanted):
            if name not in self._shelves:
                raise SettingError("--load-model", "a model of the folder", name)
            for entry in self._shelves[name].entries.values():
                entry.is_wanted = True
            with contextlib.suppress(Refusal):  # its reason is in the index
                await self.endpoint(name)
        if self._choices.control is Control.POLL:
            self._polling = asyncio.create_task(self._poll())

    def ready(self, name: str, version: str = "") -> Endpoint | None:
        held = self._quick.get((name, version) if version else name)
        if held is None:
            return None
        held.resident.used_s = self._clock()
        return held.assembled.endpoint

    async def endpoint(self, name: str, version: str = "") -> Endpoint:
        limit_s = self._clock() + self._choices.load_wait_s
        while (found := self.ready(name, version)) is None:
            shelf, entry = self._find(name, version)
            if not entry.is_wanted:
                raise not_loaded(entry)
            if entry.is_broken:
                raise broken(entry)
            loading = self._begin(shelf, entry)
            left_s = limit_s - self._clock()
            done, _ = await asyncio.wait({loading}, timeout=max(0.0, left_s))
            if not done:
                waited_s = self._clock() - entry.started_s
                raise still_loading(entry, waited_s)
            if entry.refuse is not None and not entry.is_broken:
                raise entry.refuse()  # of a broken one, another version may answer
        return found

    def index(self) -> tuple[Listed, ...]:
        return tuple(
            Listed(entry.name, entry.version, entry.state, entry.note)
            for shelf in self._shelves.values()
            for entry in shelf.entries.values()
        )

    async def load(self, name: str, parameters: Mapping[str, Any]) -> None:
        self._refuse_control(name)
        unknown = sorted(parameters.keys() - {"version"})
        if unknown:
            raise unknown_parameter(unknown[0])
        await self.refresh()
        if name not in self._shelves:
            raise self._unknown(name)
        shelf = self._shelves[name]
        version = str(parameters.get("version", ""))
        for entry in shelf.entries.values():
            entry.is_wanted, entry.is_broken = True, False
        entry = self._find(name, version)[1]
        await asyncio.wait({self._begin(shelf, entry)})
        if entry.refuse is not None:
            raise entry.refuse()

    async def unload(self, name: str) -> None:
        self._refuse_control(name)
        if name not in self._shelves:
            raise self._unknown(name)
        for entry in self._shelves[name].entries.values():
            entry.is_wanted, entry.note = False, "unloaded"
            self._drop(entry)

    def endpoints(self) -> tuple[Endpoint, ...]:
        return tuple(
            entry.held.assembled.endpoint
            for shelf in self._shelves.values()
            for entry in shelf.entries.values()
            if entry.held is not None
        )

    @property
    def is_loading(self) -> bool:
        """Whether something is being loaded, also in place of what answers."""
        return any(
            entry.loading is not None
            for shelf in self._shelves.values()
            for entry in shelf.entries.values()
        )

    async def drained(self) -> None:
        """Wait until everything that was replaced or evicted is closed."""
        await self._keeper.close()

    async def refresh(self) -> None:
        """Follow what lies in the directory now; nothing is loaded by that."""
        if self._choices.folder is None:
            return
        found = await self._loader.look(self._choices.folder)
        wanted = self._choices.control is not Control.EXPLICIT
        for name, family in found.items():
            if name in self._named:
                continue
            shelf = self._shelves.setdefault(name, Shelf(name))
            pinned = name in self._choices.pinned
            words = shelf.labels
            self._lose(shelf.take(family, is_pinned=pinned, is_wanted=wanted))
            for word in words.keys() - shelf.labels.keys():
                self._quick.pop((name, word), None)
            if family.fault:
                _log.warning("model %s: %s", name, family.fault)
            self._point(shelf)
        for name in self._shelves.keys() - found.keys() - self._named:
            self._lose(self._shelves.pop(name).entries.values())

    async def poll(self) -> None:
        """Follow the directory: reload what has changed, let go of what has vanished."""
        await self.refresh()
        entries = [
            (shelf, entry, entry.path)
            for shelf in self._shelves.values()
            for entry in shelf.entries.values()
            if entry.path is not None and (entry.held is not None or entry.is_broken)
        ]
        marks = await self._loader.fingerprints([path for _, _, path in entries])
        for (shelf, entry, _), mark in zip(entries, marks, strict=True):
            is_settled, entry.seen = mark == entry.seen, mark
            if not mark or mark == entry.mark or not is_settled:
                continue
            entry.is_broken = False
            if entry.held is not None:
                self._begin(shelf, entry)
        for shelf in self._shelves.values():
            newest = shelf.find("")
            if newest is None or not shelf.current or newest.version == shelf.current:
                continue
            if newest.held is None and not newest.is_broken:
                self._begin(shelf, newest)  # of a model that is in use

    async def close(self) -> None:
        """Free every model that this catalog has loaded."""
        if self._polling is not None:
            self._polling.cancel()
        for shelf in self._shelves.values():
            for entry in shelf.entries.values():
                if entry.loading is not None:
                    entry.loading.cancel()
                if entry.path is not None:
                    self._drop(entry)
                elif entry.held is not None:
                    self._keeper.disown(entry.held)
        await self._keeper.close()
        self._loader.close()

    async def _poll(self) -> None:
        while True:
            await asyncio.sleep(self._choices.poll_s)
            try:
                await self.poll()
            except OSError as error:
                _log.warning("the model directory cannot be read: %s", error)
            except Exception:
                _log.exception("a look at the model directory failed")

    def _begin(self, shelf: Shelf, entry: Entry) -> "asyncio.Task[None]":
        """Load an entry, once however many want it."""
        if entry.loading is None:
            entry.started_s, entry.refuse = self._clock(), None
            entry.loading = asyncio.create_task(self._load(shelf, entry))
        return entry.loading

    async def _load(self, shelf: Shelf, entry: Entry) -> None:
        try:
            async with self._turn:
                held = await self._bring(shelf, entry)
                if entry.is_wanted and shelf.entries.get(entry.version) is entry:
                    self._place(shelf, entry, held)
                else:
                    self._keeper.retire(held)
        except Refusal as refusal:
            entry.note, entry.refuse, entry.mark = str(refusal), again(refusal), ()
        except Exception as error:
            is_told = isinstance(error, TradewindError)
            entry.note = str(error) if is_told else f"{type(error).__name__}: {error}"
            entry.is_broken, entry.refuse = entry.held is None, partial(broken, entry)
            _log.error(
                "model %s version %s: %s",
                entry.name,
                entry.version,
                entry.note,
                exc_info=not is_told,
            )
        finally:
            entry.loading = None

    async def _bring(self, shelf: Shelf, entry: Entry) -> Held:
        assert entry.path is not None
        [entry.mark] = await self._loader.fingerprints([entry.path])
        current = shelf.entries.get(shelf.current)
        previous = entry.held or (None if current is None else current.held)
        entry.note = ""
        return await self._keeper.bring(entry, previous)

    def _place(self, shelf: Shelf, entry: Entry, held: Held) -> None:
        """Let what was loaded answer from now on; what answered before is closed in time."""
        before, entry.held = entry.held, held
        entry.is_broken = False
        shelf.promote(entry.version)
        self._point(shelf)
        if before is not None:
            self._keeper.retire(before)

    def _point(self, shelf: Shelf) -> None:
        """Bring the quick way up to date for one model."""
        versions = {version: version for version in shelf.entries}
        for word, version in {**shelf.labels, **versions}.items():
            self._set((shelf.name, word), shelf.entries.get(version))
        self._set(shelf.name, shelf.entries.get(shelf.current))

    def _set(self, key: str | tuple[str, str], entry: Entry | None) -> None:
        if entry is None or entry.held is None:
            self._quick.pop(key, None)
        else:
            self._quick[key] = entry.held

    def _forget(self, held: Held) -> None:
        """Let nobody find a version that has to go."""
        for key in [key for key, one in self._quick.items() if one is held]:
            del self._quick[key]
        held.entry.held = None

    def _drop(self, entry: Entry) -> None:
        held = entry.held
        if held is not None:
            self._forget(held)
            self._keeper.retire(held)

    def _lose(self, entries: Iterable[Entry]) -> None:
        for entry in entries:
            entry.is_wanted = False
            self._drop(entry)

    def _named_shelf(self, name: str, family: Family) -> Shelf:
        if name in self._named:
            raise SettingError("models", "different names", f"{name} twice")
        self._named.add(name)
        shelf = self._shelves[name] = Shelf(name)
        shelf.take(family, is_pinned=True, is_wanted=True)
        return shelf

    def _find(self, name: str, version: str) -> tuple[Shelf, Entry]:
        shelf = self._shelves.get(name)
        if shelf is None:
            raise self._unknown(name)
        entry = shelf.find(version)
        if entry is None:
            known = ", ".join([*shelf.entries, *shelf.labels])
            raise Refusal(Reason.UNKNOWN_MODEL, f"model {name}", f"version {known}", version[:40])
        return shelf, entry

    def _unknown(self, name: str) -> Refusal:
        names = list(self._shelves)
        more = f" and {len(names) - 8} others" if len(names) > 8 else ""
        return unknown_model(name, ", ".join(names[:8]) + more)

    def _refuse_control(self, name: str) -> None:
        if self._choices.control is Control.EXPLICIT and name not in self._named:
            return
        if name not in self._shelves:
            raise self._unknown(name)
        raise not_managed(name)
