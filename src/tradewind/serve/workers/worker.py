"""One of several processes, as it finds itself in its environment."""

import os
import signal
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Self, final

import msgspec

from tradewind.serve.port import ClaimedPort

VARIABLE = "TRADEWIND_WORKER"


@final
@dataclass(frozen=True)
class Worker:
    """What a worker is told by whoever started it."""

    port: ClaimedPort
    grpc: ClaimedPort | None
    number: int  # of this process, never used again
    folder: str  # of the ledger
    cores: tuple[int, ...]  # on which it may run; empty for all
    ready_fd: int  # written to once it answers
    life_fd: int  # ends when whoever started it has ended

    @classmethod
    def of_environment(cls) -> Self | None:
        """Return what this process was told; None when it is no worker."""
        told = os.environ.pop(VARIABLE, None)  # what it starts itself is no worker
        return None if told is None else msgspec.json.decode(told, type=cls)

    def to_environment(self) -> dict[str, str]:
        """Return what a worker has to find in its environment."""
        return {VARIABLE: msgspec.json.encode(self).decode()}

    def begin(self) -> Callable[[str], None]:
        """Keep to the cores that were given, and to the life of whoever gave them.

        Returns:
            What has to be called once requests are answered.
        """
        if self.cores:
            os.sched_setaffinity(0, self.cores)
        threading.Thread(target=self._outlive_nobody, name="tradewind-life", daemon=True).start()
        return self._tell_ready

    def _tell_ready(self, url: str) -> None:
        os.write(self.ready_fd, b"1")
        os.close(self.ready_fd)

    def _outlive_nobody(self) -> None:
        while os.read(self.life_fd, 1):
            pass
        os.kill(os.getpid(), signal.SIGTERM)
