"""A place in the line."""

from dataclasses import dataclass
from typing import TypeVar

from tradewind.serve.batching.company import Key

DEFAULT_LEVEL = 3
"""Where requests stand that say nothing of their priority, or 0: 1 and 2 go before them."""


@dataclass(eq=False, slots=True)
class Ticket:
    """One request as far as waiting is concerned."""

    key: Key  # tickets with equal keys may be computed together
    rows: int  # examples, 1 or more
    size_bytes: int
    client: str  # those of one client take turns with those of another
    level: int  # 1 is the most urgent
    deadline_s: float  # when the answer is of no use any more
    expected_s: float = 0.0  # when it was thought to be answered, as it came


T = TypeVar("T", bound=Ticket)
"""What a line is made of: tickets, or tickets that know what they stand for."""
