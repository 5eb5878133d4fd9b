"""What a bearer token can be tried on."""

import logging
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import final

from tradewind.errors import SettingError
from tradewind.serve.refusals import Reason, Refusal
from tradewind.serve.security.keys import Key, hash_token, read_keys
from tradewind.serve.security.principals import Principal
from tradewind.serve.security.watching import Watched

_log = logging.getLogger("tradewind.serve")


class Lock(ABC):
    """One way to recognize a bearer token. Only the event loop may touch it."""

    @abstractmethod
    def open(self, token: str) -> Principal | None:
        """Return whom a token stands for; None when it is not for this lock.

        Raises:
            Refusal: it is for this lock, and no good any more.
        """

    @abstractmethod
    def refresh(self) -> None:
        """Look whether what is known has changed; called about once a second."""


@final
class KeyFile(Lock):
    """API keys from a file that is read again when it changes.

    While a changed file cannot be read, the keys from before stay good.

    Args:
        path: as `tradewind keys` writes it.
        clock: returns seconds since 1970.

    Raises:
        SettingError: the file cannot be read.
    """

    def __init__(self, path: Path, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._watched = Watched(path)
        self._keys = _by_hash(read_keys(path))
        self._opened: dict[str, tuple[Key, Principal]] = {}  # by token; never more than keys

    def open(self, token: str) -> Principal | None:
        found = self._opened.get(token) or self._search(token)
        if found is None:
            return None
        key, principal = found
        if self._clock() >= principal.until_s:
            raise expired(f"key {key.id}", f"{key.expires:%Y-%m-%d %H:%M %Z}")
        return principal

    def refresh(self) -> None:
        if not self._watched.has_changed():
            return
        try:
            self._keys = _by_hash(read_keys(self._watched.path))
        except SettingError as error:
            _log.warning("the keys stay as they were: %s", error)
        else:
            self._opened.clear()
            _log.info("%d keys read from %s", len(self._keys), self._watched.path)

    def _search(self, token: str) -> tuple[Key, Principal] | None:
        # how long a look-up by hash takes tells at most something about hashes, and nothing about
        # tokens: who could choose a token for its hash would not have to guess
        found = self._keys.get(hash_token(token))
        if found is not None:
            self._opened[token] = found
        return found


def expired(where: str, when: str) -> Refusal:
    """Return the refusal of a key or token that was good once."""
    return Refusal(
        Reason.UNAUTHENTICATED, where, "one that is still good", f"one that expired on {when}"
    )


def _by_hash(keys: tuple[Key, ...]) -> dict[str, tuple[Key, Principal]]:
    return {key.hash: (key, key.principal()) for key in keys}
