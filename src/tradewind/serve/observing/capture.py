"""Keeping a sample of the requests with their answers, within a bound, for later study."""

import contextlib
import fcntl
import itertools
import logging
import os
import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, final

from tradewind.errors import SettingError
from tradewind.serve.observing.account import Account
from tradewind.serve.observing.captured import PATTERN, Row, schema, tensors
from tradewind.serve.observing.recorder import Recorder, Sink

_log = logging.getLogger("tradewind.serve")

_FILES = 8  # at least so many within the bound, so that the oldest can go one by one
_LONGEST_FILE_BYTES = 32 * 2**20
_LONGEST_S = 60.0  # that a request waits to be written
_ABANDONED_S = 600.0  # since a half-written file was touched
_QUEUE_BYTES = 64 * 2**20
_QUEUE_RECORDS = 10_000


@final
@dataclass(frozen=True)
class Capture:
    """What is captured, and how much of it is kept."""

    folder: Path  # made when it is not there; files of other names are left alone
    rate: float = 0.01  # the share of answered requests
    max_bytes: int = 256 * 2**20  # of all files; the oldest are deleted
    redact: tuple[str, ...] = ()  # inputs and outputs whose values are not written

    def __post_init__(self) -> None:
        if not 0 < self.rate <= 1:
            raise SettingError("capture.rate", "above 0, at most 1", f"{self.rate:g}")
        if self.max_bytes < 2**20:
            raise SettingError("capture.max_bytes", "1 MiB or more", f"{self.max_bytes}")

    @property
    def file_bytes(self) -> int:
        """Of one file, at most; a request that does not fit into one is not kept."""
        return min(self.max_bytes // _FILES, _LONGEST_FILE_BYTES)


@final
class Sampling:
    """Chooses the requests that are kept; an observer that is shown the tensors.

    Args:
        settings: what to capture.
        recorder: where to put it.
    """

    def __init__(self, settings: Capture, recorder: Recorder[Row]) -> None:
        self._rate = settings.rate
        self._left_out = frozenset(settings.redact)
        self._largest_bytes = settings.file_bytes
        self._recorder = recorder

    def __call__(self, account: Account) -> None:
        if account.inputs is None or account.outputs is None or random.random() >= self._rate:
            return
        size_bytes = sum(
            array.nbytes for array in (*account.inputs.values(), *account.outputs.values())
        )
        if size_bytes > self._largest_bytes:
            self._recorder.drop()
            return
        # copied at once: what is shared with the client, or with an engine, changes afterwards
        row = Row(
            datetime.fromtimestamp(account.started_s, UTC),
            account.model,
            account.version,
            account.request_id,
            (account.computing_s - account.understood_s) * 1e3,
            (account.computed_s - account.computing_s) * 1e3,
            tensors(account.inputs, self._left_out),
            tensors(account.outputs, self._left_out),
        )
        self._recorder.put(row, row.size_bytes)


@final
class Files(Sink[Row]):
    """Writes Parquet files that never take more than a bound together.

    A file appears whole or not at all. When one cannot be written, capturing ends for as long
    as this process lives: a full disk is not filled again and again.

    Args:
        settings: where, and how much.
        write: writes a table to a path; pyarrow's unless a test has another.

    Raises:
        SettingError: the folder cannot be made or written to.
    """

    def __init__(self, settings: Capture, write: Callable[[Any, Path], None] | None = None) -> None:
        self._folder = settings.folder
        self._max_bytes = settings.max_bytes
        self._file_bytes = settings.file_bytes
        self._write = write or _write
        self._schema = schema()  # loads pyarrow now, not while requests come
        self._numbers = itertools.count()
        self._rows: list[Row] = []
        self._held_bytes = 0
        self._since_s = 0.0
        self._is_stopped = False
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            for torn in self._folder.glob(f".{PATTERN}.part"):
                with contextlib.suppress(FileNotFoundError):  # another worker finished it just now
                    if time.time() - torn.stat().st_mtime > _ABANDONED_S:
                        torn.unlink()
        except OSError as error:
            got = f"{self._folder}: {error.strerror or error}"
            raise SettingError("capture.folder", "a folder to write to", got) from error
        if not os.access(self._folder, os.W_OK | os.X_OK):
            raise SettingError(
                "capture.folder", "a folder to write to", f"{self._folder}, which is read-only"
            )

    @property
    def kind(self) -> str:
        return "capture"

    def write(self, records: Sequence[Row]) -> int:
        if self._is_stopped:
            return len(records)
        lost = 0
        for row in records:
            if row.size_bytes > self._file_bytes:
                lost += 1
                continue
            if self._held_bytes + row.size_bytes > self._file_bytes:
                lost += self._flush()
            if not self._rows:
                self._since_s = time.monotonic()
            self._rows.append(row)
            self._held_bytes += row.size_bytes
        if self._rows and time.monotonic() - self._since_s > _LONGEST_S:
            lost += self._flush()
        return lost

    def close(self) -> int:
        return self._flush() if self._rows else 0

    def _flush(self) -> int:
        """Write what is held to a file of its own; return how many requests were lost."""
        import pyarrow as pa

        rows, size_bytes = self._rows, self._held_bytes
        self._rows, self._held_bytes = [], 0
        if self._is_stopped:
            return len(rows)
        columns = zip(*(_columns(row) for row in rows), strict=True)
        arrays = [
            pa.array(column, one.type) for column, one in zip(columns, self._schema, strict=True)
        ]
        table = pa.Table.from_arrays(arrays, schema=self._schema)
        # in the order of their names the files are in the order of time
        name = f"captured-{time.time_ns()}-{os.getpid()}-{next(self._numbers)}.parquet"
        torn = self._folder / f".{name}.part"
        try:
            with _alone_in(self._folder):
                self._make_room(size_bytes)
                self._write(table, torn)
                torn.rename(self._folder / name)
        except OSError as error:
            self._is_stopped = True
            _log.error("capturing has ended, the server goes on: %s", error)
            torn.unlink(missing_ok=True)
            return len(rows)
        return 0

    def _make_room(self, size_bytes: int) -> None:
        """Delete the oldest files until one of `size_bytes` fits within the bound."""
        found = [(path, path.stat().st_size) for path in sorted(self._folder.glob(PATTERN))]
        left_bytes = self._max_bytes - size_bytes - sum(size for _, size in found)
        for path, size in found:
            if left_bytes >= 0:
                return
            path.unlink(missing_ok=True)
            left_bytes += size


@contextlib.contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Keep other workers from writing there at the same time: the bound is for all of them."""
    held = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield
    finally:
        os.close(held)


def capture(settings: Capture) -> tuple[Sampling, Recorder[Row]]:
    """Return what samples requests, with what writes them."""
    recorder = Recorder(Files(settings), _QUEUE_RECORDS, _QUEUE_BYTES)
    return Sampling(settings, recorder), recorder


def _columns(row: Row) -> tuple[Any, ...]:
    return (
        row.time, row.model, row.version, row.request_id, row.queue_ms, row.compute_ms,
        row.inputs, row.outputs,
    )  # fmt: skip


def _write(table: Any, path: Path) -> None:
    import pyarrow.parquet as pq

    pq.write_table(table, path, compression="zstd", write_statistics=False)
