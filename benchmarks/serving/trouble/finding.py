"""A kind of trouble, and what was found."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import final

from benchmarks.serving.open_loop import Outcome


@final
@dataclass(frozen=True)
class Scale:
    """How much trouble there is."""

    seconds: float = 10.0
    overload_s: float = 600.0
    clients: int = 200  # slow or silent ones
    idle: int = 10_000
    models: int = 1_000


@final
@dataclass(frozen=True)
class Claim:
    """Something the server promises, with what was seen."""

    text: str
    is_kept: bool
    seen: str
    is_timed: bool = False  # depends on how busy the machine is


@final
@dataclass(frozen=True)
class Finding:
    """What one kind of trouble did."""

    claims: Sequence[Claim]
    outcome: Outcome | None = None
    recovery_s: float | None = None  # from the end of the trouble to an answer in time
    memory_before: int = 0  # bytes
    memory_peak: int = 0
    notes: dict[str, float] = field(default_factory=dict)


@final
@dataclass(frozen=True)
class Fault:
    """One kind of trouble.

    Args:
        name: what it is called on the command line.
        about: what happens.
        run: makes the trouble, in a folder for models.
        missing: returns which feature of the server it would need; empty when all are there.
    """

    name: str
    about: str
    run: Callable[[Path, Scale], Finding]
    missing: Callable[[], str] = lambda: ""


def settled(outcome: Outcome) -> Claim:
    """Claim that every request that was sent was answered or refused."""
    lost = outcome.broken + outcome.unanswered
    seen = f"{outcome.broken} cut off, {outcome.unanswered} without an answer"
    return Claim(f"all of {outcome.offered:,} requests answered or refused", lost == 0, seen)


def reasoned(outcome: Outcome, allowed: Sequence[int]) -> Claim:
    """Claim that requests were refused with these statuses only."""
    strange = {key: count for key, count in outcome.refused.items() if int(key) not in allowed}
    names = " or ".join(map(str, allowed))
    return Claim(f"refusals have status {names}", not strange, f"{outcome.refused}")


def bounded(before: int, peak: int, limit: int) -> Claim:
    """Claim that the memory grew by no more than a number of bytes."""
    grown = peak - before
    return Claim(
        f"memory grows by less than {limit / 1e6:.0f} MB", grown < limit, f"{grown / 1e6:.0f} MB"
    )
