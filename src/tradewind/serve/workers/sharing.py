"""One worker's side of the ledger."""

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, final

from tradewind.serve.workers.ledger import Ledger

_SHARE_S = 0.5

Snapshot = Callable[[], Mapping[str, Any]]


@final
class Sharing:
    """Tells the other workers what was counted here, and learns what they have counted.

    Args:
        folder: of the ledger; None for a server that is alone.
        number: of this process.
    """

    def __init__(self, folder: Path | None, number: int = 0) -> None:
        self._number = number
        self._ledger = None if folder is None else Ledger(folder)

    def write(self, snapshot: Snapshot) -> None:
        """Write down what was counted until now."""
        if self._ledger is not None:
            self._ledger.write(self._number, snapshot())

    def others(self, snapshot: Snapshot) -> list[Mapping[str, Any]]:
        """Return what the others have counted, once what is about to be told is written down."""
        if self._ledger is None:
            return []
        self.write(snapshot)
        return self._ledger.others(self._number)

    async def keep_writing(self, snapshot: Snapshot) -> None:
        """Write twice a second, for as long as the server lives."""
        while self._ledger is not None:
            await asyncio.sleep(_SHARE_S)
            self.write(snapshot)
