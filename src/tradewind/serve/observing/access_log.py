"""One line of JSON for each request."""

import os
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from errno import ENOSPC
from pathlib import Path
from typing import Any, final

import msgspec

from tradewind.serve.observing.account import Account
from tradewind.serve.observing.recorder import Sink


@final
class AccessLog(Sink[Account]):
    """Appends lines to a file, which may be moved away and is then begun anew.

    Args:
        path: of the file; None for the standard error.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._is_torn = False  # the last line has no end
        self._file = sys.stderr.fileno() if path is None else _opened(path)

    @property
    def kind(self) -> str:
        return "access_log"

    def write(self, records: Sequence[Account]) -> int:
        if records:
            self._follow()
            text = b"".join(line(record) for record in records)
            written = os.write(self._file, b"\n" + text if self._is_torn else text)
            self._is_torn = written < len(text)
            if self._is_torn:
                raise OSError(ENOSPC, "a line was written in part", str(self._path or "stderr"))
        return 0

    def close(self) -> int:
        if self._path is not None:
            os.close(self._file)
        return 0

    def _follow(self) -> None:
        """Open the path again when something else, or nothing, has taken the file's place."""
        if self._path is None:
            return
        try:
            is_same = os.path.samestat(self._path.stat(), os.fstat(self._file))
        except FileNotFoundError:
            is_same = False
        if not is_same:
            found = _opened(self._path)
            os.close(self._file)
            self._file = found


def line(account: Account) -> bytes:
    """Return one request as JSON with the end of the line."""
    at = datetime.fromtimestamp(account.started_s, UTC)
    told: dict[str, Any] = {
        "time": at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "protocol": account.protocol,
        "method": account.method,
        "path": account.path,
        "status": account.status,
        "client": account.client,
    }
    for name in ("model", "version", "request_id", "reason", "examples", "together"):
        if value := getattr(account, name):
            told[name] = value
    told["received_bytes"] = account.received_bytes
    told["sent_bytes"] = account.sent_bytes
    if account.trace is not None:
        told["trace_id"] = f"{account.trace.trace_id:032x}"
    told["ms"] = account.milliseconds()
    return msgspec.json.encode(told) + b"\n"


def _opened(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o640)
