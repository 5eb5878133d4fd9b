"""When a refused request is worth another try."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import final

from tradewind.errors import SettingError


@final
@dataclass(frozen=True)
class Retries:
    """How patient a client is with a server that says when to come back.

    A request is sent again only when the server refused it and named a time; what the server may
    have begun to compute is never sent twice by itself.
    """

    most: int = 3  # tries after the first one
    longest_wait_s: float = 30.0  # before one try; what asks for more is given up
    spread: float = 0.25  # how much longer than asked for, at most: clients must not come together

    def __post_init__(self) -> None:
        if self.most < 0:
            raise SettingError("most", "0 or more", str(self.most))
        if self.longest_wait_s < 0 or self.spread < 0:
            raise SettingError("longest_wait_s, spread", "0 or more", "less")

    def wait_s(
        self,
        tried: int,
        retry_after_s: float | None,
        left_s: float | None,
        draw: Callable[[], float] = random.random,
    ) -> float | None:
        """Return how long to wait before the next try; None when there is none.

        Args:
            tried: how often the request was sent.
            retry_after_s: what the server said; None when it said nothing.
            left_s: until the answer is of no use any more; None for ever.
            draw: returns a number from 0 to 1.
        """
        if retry_after_s is None or tried > self.most or retry_after_s > self.longest_wait_s:
            return None
        wait_s = retry_after_s * (1 + self.spread * draw())
        if left_s is not None and wait_s >= left_s:
            return None
        return wait_s


def read_retry_after(text: str | None) -> float | None:
    """Return the seconds that a Retry-After asks for: a number, or until a date.

    What cannot be read counts as nothing said.
    """
    if text is None:
        return None
    try:
        return max(0.0, float(text))
    except ValueError:
        pass
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - time.time())
    except (TypeError, ValueError):
        return None
