"""Whether those who were answered are about to ask again."""

from typing import final

_WINDOW = 0.25  # of what the batch took: how long its clients may take to come back
_LONGEST_S = 0.01
_LEARNING = 0.2


@final
class Returns:
    """Expects as many requests right after a batch as came after the batches before it.

    Clients that wait for an answer before they send the next request come back together. A slot
    that takes the first of them leaves the others behind, and from then on two halves take turns.
    """

    def __init__(self) -> None:
        self._share = 0.0  # of those who were answered, who came back within the window
        self._answered = 0
        self._came = 0
        self._until_s = 0.0

    def answer(self, count: int, took_s: float, now_s: float) -> None:
        """Note that a batch of requests was answered."""
        if self._answered:
            came = min(self._came / self._answered, 1.0)
            self._share += _LEARNING * (came - self._share)
        self._answered, self._came = count, 0
        self._until_s = now_s + min(_WINDOW * took_s, _LONGEST_S)

    def come(self, now_s: float) -> None:
        """Note that a request came."""
        if now_s <= self._until_s:
            self._came += 1

    def owed(self, now_s: float) -> tuple[int, float]:
        """Return how many more will come, and within how many seconds."""
        left_s = self._until_s - now_s
        if left_s <= 0:
            return 0, 0.0
        return round(self._share * self._answered) - self._came, left_s
