"""What all workers of a server have counted, in a folder that they share.

Each writes what it has counted before anybody is told, so that a sum never falls: not when
another worker is asked next, and not when one of them dies.
"""

import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, final

import msgspec

from tradewind.serve.observing import merged

_DEAD = "dead.json"


@final
class Ledger:
    """One file for each living process, and one for all that are dead.

    Processes have numbers that never come again, as process ids do.

    Args:
        folder: shared by the workers and whoever looks after them.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def write(self, number: int, snapshot: Mapping[str, Any]) -> None:
        """Keep what a process has counted until now."""
        self._replace(f"{number}.json", snapshot)

    def others(self, number: int) -> list[Mapping[str, Any]]:
        """Return what all other processes have counted, dead ones too."""
        dead = self._dead()
        found = [dead["counts"]] if dead["counts"] else []
        for path in sorted(self._folder.glob("[0-9]*.json")):
            if int(path.stem) != number and int(path.stem) not in dead["numbers"]:
                with contextlib.suppress(OSError):  # it is being buried
                    found.append(msgspec.json.decode(path.read_bytes()))
        return found

    def bury(self, number: int) -> None:
        """Add what a process has counted to what the dead have; nothing of it runs any more."""
        path = self._folder / f"{number}.json"
        try:
            last = merged([msgspec.json.decode(path.read_bytes())])
        except OSError:
            return  # it counted nothing
        last.is_ready = True  # who is dead keeps nobody from being ready
        for counts in last.models:
            counts.running = counts.waiting = counts.resident_bytes = 0
        dead = self._dead()
        snapshot = msgspec.to_builtins(last, str_keys=True)
        if dead["counts"]:
            snapshot = msgspec.to_builtins(merged([dead["counts"], snapshot]), str_keys=True)
        self._replace(_DEAD, {"numbers": [*dead["numbers"], number], "counts": snapshot})
        path.unlink()

    def _dead(self) -> dict[str, Any]:
        try:
            found: dict[str, Any] = msgspec.json.decode((self._folder / _DEAD).read_bytes())
        except FileNotFoundError:
            return {"numbers": [], "counts": {}}
        return found

    def _replace(self, name: str, content: Mapping[str, Any]) -> None:
        part = self._folder / f".{name}.part"
        part.write_bytes(msgspec.json.encode(content))
        part.replace(self._folder / name)
