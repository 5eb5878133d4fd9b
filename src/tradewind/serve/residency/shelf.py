"""Everything that is known about one model: its versions, their labels, what each is doing."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import final

from tradewind.serve.assembling import Assembled
from tradewind.serve.catalog import State
from tradewind.serve.refusals import Refusal
from tradewind.serve.residency.places import Family
from tradewind.serve.residency.residents import Resident


@final
@dataclass(eq=False)
class Held:
    """One version in memory."""

    entry: "Entry"
    assembled: Assembled
    resident: Resident = field(default_factory=lambda: Resident(0, 0.0, 0.0))

    @property
    def is_busy(self) -> bool:
        """Whether a request for it is on its way."""
        return self.assembled.endpoint.leases > 0

    @property
    def must_stay(self) -> bool:
        """Whether somebody would miss it: a request, or a sequence that has begun."""
        return self.is_busy or self.assembled.is_remembering


@final
@dataclass(eq=False)
class Entry:
    """One version, in memory or not."""

    name: str
    version: str
    path: Path | None  # None for what is no file, which always stays
    is_pinned: bool = False
    is_wanted: bool = True  # by whoever controls the server
    held: Held | None = None
    loading: "asyncio.Task[None] | None" = None
    started_s: float = 0.0
    took_s: float = 1.0  # to load it, the last time
    size_bytes: int = 0  # in memory, the last time
    mark: tuple[object, ...] = ()  # of its files, when it was loaded or failed to
    seen: tuple[object, ...] = ()  # of its files, at the last poll
    note: str = ""  # why it is not ready, or what its last reload was like
    refuse: Callable[[], Refusal] | None = None  # why nobody who waited got an answer
    is_broken: bool = False

    @property
    def state(self) -> State:
        """Where it stands, in the words of the protocol."""
        if self.held is not None:
            return State.READY
        return State.LOADING if self.loading is not None else State.UNAVAILABLE


@final
@dataclass(eq=False)
class Shelf:
    """All versions of one model."""

    name: str
    entries: dict[str, Entry] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    preferred: tuple[str, ...] = ()
    current: str = ""  # the version that answers where none is named, once one has been loaded

    def take(self, family: Family, *, is_pinned: bool, is_wanted: bool) -> list[Entry]:
        """Follow what lies in the directory now; return the entries that are gone."""
        gone = [entry for version, entry in self.entries.items() if version not in family.versions]
        for entry in gone:
            del self.entries[entry.version]
        for version, path in family.versions.items():
            entry = self.entries.setdefault(
                version,
                Entry(self.name, version, path, is_pinned=is_pinned, is_wanted=is_wanted),
            )
            entry.path = path
        self.preferred = family.preferred
        self.relabel(family.labels)
        return gone

    def relabel(self, labels: Mapping[str, str]) -> None:
        """Take other words for versions; one of them may change which is preferred."""
        self.labels = labels
        self.preferred = Family({version: Path() for version in self.entries}, labels).preferred
        if self.current not in self.entries:
            self.current = ""
            return
        for version in self.preferred[: self.preferred.index(self.current)]:
            if self.entries[version].held is not None:
                self.current = version
                return

    def find(self, version: str) -> Entry | None:
        """Return the entry for a version or label; for none, the first that is not broken."""
        if version:
            return self.entries.get(version) or self.entries.get(self.labels.get(version, ""))
        entries = [self.entries[one] for one in self.preferred]
        whole = [entry for entry in entries if not entry.is_broken]
        return next(iter(whole or entries), None)

    def promote(self, version: str) -> None:
        """Let a version that was just loaded answer, if it is preferred to the current one."""
        order = self.preferred
        if self.current not in order or order.index(version) <= order.index(self.current):
            self.current = version
