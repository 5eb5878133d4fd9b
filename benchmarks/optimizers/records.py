"""What came out for one model."""

from dataclasses import dataclass
from pathlib import Path
from typing import final

import msgspec

from tradewind.measure import Ratio

OURS = "tradewind"
"""The name of what is compared with the others."""


@final
@dataclass(frozen=True)
class Verdict:
    """What the certify split said.

    Args:
        certified: whether the budget is kept, at the confidence asked for.
        drop: what was lost there.
        drop_upper: what is lost at most, at that confidence.
        examples: how many were looked at.
    """

    certified: bool
    drop: float
    drop_upper: float
    examples: int


@final
@dataclass(frozen=True)
class Measured:
    """What an optimizer made, in one respect: latency of one request, or throughput.

    Args:
        setting: how it was run.
        value: milliseconds of one request, or examples a second.
        gain: times better than the baseline.
        ours: times that Tradewind is better than this; None where this is Tradewind.
    """

    setting: str
    value: float
    gain: Ratio
    ours: Ratio | None


@final
@dataclass(frozen=True)
class Entry:
    """One optimizer on one model.

    Args:
        name: of the optimizer.
        why: the reason where there is nothing to measure.
        took_s: how long it took to make the file; for Tradewind, both searches.
        size_bytes: of the file.
        verdict: None where nothing answered.
        variant: of Tradewind, what it chose for latency and for throughput.
        latency: of one request.
        throughput: at its best batch size.
    """

    name: str
    why: str = ""
    took_s: float = 0.0
    size_bytes: int | None = None
    verdict: Verdict | None = None
    variant: tuple[str, str] | None = None
    latency: Measured | None = None
    throughput: Measured | None = None

    @property
    def is_within(self) -> bool:
        """Whether it is shown to stay within the budget."""
        return self.verdict is not None and self.verdict.certified

    def kept(self, allowed: float) -> bool:
        """Say whether no more than `allowed` was lost, shown or not."""
        return self.verdict is not None and self.verdict.drop <= allowed


@final
@dataclass(frozen=True)
class Record:
    """All optimizers on one model.

    Args:
        case: name of the model.
        title: the model.
        data: what it was asked.
        metric: what may be lost.
        machine: where.
        load: of the machine before anything was done.
        search_s: what each search was given.
        rounds: of the timing.
        entries: the baseline first.
    """

    case: str
    title: str
    data: str
    metric: str
    machine: str
    load: float
    search_s: float
    rounds: int
    entries: tuple[Entry, ...]

    @property
    def ours(self) -> Entry:
        """Tradewind's."""
        return next(entry for entry in self.entries if entry.name == OURS)

    @property
    def others(self) -> tuple[Entry, ...]:
        """All others."""
        return tuple(entry for entry in self.entries if entry.name != OURS)


def write_record(path: Path, record: Record) -> None:
    """Write what came out; infinity, which no JSON holds, becomes null."""
    path.write_bytes(msgspec.json.format(msgspec.json.encode(record), indent=1) + b"\n")


def read_record(path: Path) -> Record:
    """Read it back."""
    return msgspec.convert(_unbounded(msgspec.json.decode(path.read_bytes())), Record)


def _unbounded(value: object) -> object:
    if isinstance(value, list):
        return [_unbounded(one) for one in value]
    if not isinstance(value, dict):
        return value
    if value.keys() == {"ratio", "low", "high"} and value["high"] is None:
        return {**value, "high": float("inf")}
    return {key: _unbounded(one) for key, one in value.items()}
