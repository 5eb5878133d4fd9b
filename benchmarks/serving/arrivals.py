"""Requests over HTTP/1.1 at given moments, on plain sockets with epoll.

A kept connection may be closed by the server just as the next request is sent on it. As every
client of HTTP does, such a request is sent once more on a new connection.
"""

import contextlib
import errno
import re
import resource
import select
import socket
import time
from collections import Counter, deque
from collections.abc import Sequence
from typing import final

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_READ = 1 << 18
_WRITABLE = select.EPOLLOUT
_READABLE = select.EPOLLIN


@final
class _Line:
    """One connection, with the request that is on it."""

    __slots__ = ("due_s", "is_busy", "is_kept", "left", "received", "sent_s", "socket")

    def __init__(self, opened: socket.socket) -> None:
        self.socket = opened
        self.due_s = 0.0
        self.sent_s = 0.0  # on the clock, not from the start
        self.is_busy = False
        self.is_kept = False  # a request was answered on it before
        self.left: memoryview | None = None  # what is not sent yet
        self.received = b""


@final
class Traffic:
    """One run.

    Args:
        address: of the server.
        request: the bytes of every request.
        times_s: when each is due, from the start, in order.
        max_connections: more requests than these wait on this side.
        end_s: when whatever is open is given up.
    """

    def __init__(
        self,
        address: tuple[str, int],
        request: bytes,
        times_s: Sequence[float],
        max_connections: int,
        end_s: float,
    ) -> None:
        self._address = address
        self._request = memoryview(request)
        self._times_s = times_s
        self._max = max_connections
        self._end_s = end_s
        self._poll = select.epoll()
        self._lines: dict[int, _Line] = {}
        self._idle: list[_Line] = []
        self._start_s = 0.0
        self._due: deque[float] = deque()
        self.latencies_s: list[float] = []  # of the answers with status 200
        self.refused: Counter[int] = Counter()
        self.cut_s: list[float] = []  # clock at which requests were sent that were cut off
        self.not_accepted = 0  # no connection was made
        self.retried = 0
        self.lags_s: list[float] = []  # how late a request was taken up

    @property
    def broken(self) -> int:
        """How many requests were sent, and cut off before their answer was whole."""
        return len(self.cut_s)

    def run(self) -> None:
        """Send and receive until everything is answered or given up."""
        _allow_many_files()
        for _ in range(min(64, self._max)):
            self._idle.append(self._open())
        self._start_s = time.perf_counter() + 0.05
        due = self._due
        place, count = 0, len(self._times_s)
        while True:
            now = time.perf_counter() - self._start_s
            while place < count and self._times_s[place] <= now:
                due.append(self._times_s[place])
                self.lags_s.append(now - self._times_s[place])
                place += 1
            self._send()
            if now >= self._end_s or (place == count and self._is_done()):
                break
            until = self._times_s[place] if place < count else self._end_s
            self._receive(max(0.0, until - (time.perf_counter() - self._start_s)))
        for line in self._lines.values():
            line.socket.close()
        self._poll.close()

    def _is_done(self) -> bool:
        return not self._due and len(self._idle) == len(self._lines)

    def _send(self) -> None:
        due = self._due
        while due and (self._idle or len(self._lines) < self._max):
            line = self._idle.pop() if self._idle else self._open()
            line.due_s = due.popleft()
            line.sent_s = time.perf_counter()
            line.is_busy = True
            line.received = b""
            line.left = self._request
            self._write(line)

    def _open(self) -> _Line:
        opened = socket.socket()
        opened.setblocking(False)
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        opened.connect_ex(self._address)
        line = _Line(opened)
        self._lines[opened.fileno()] = line
        self._poll.register(opened.fileno(), _READABLE)
        return line

    def _write(self, line: _Line) -> None:
        assert line.left is not None
        number = line.socket.fileno()
        try:
            sent = line.socket.send(line.left)
        except OSError as error:
            if error.errno not in (errno.EAGAIN, errno.ENOTCONN, errno.EINPROGRESS):
                self._drop(line)
                return
            sent = 0
        if sent == len(line.left):
            line.left = None
            return
        line.left = line.left[sent:]
        self._poll.modify(number, _READABLE | _WRITABLE)

    def _go_on(self, line: _Line) -> None:
        """Send the rest of a request that did not fit at once."""
        if line.left is not None:
            self._write(line)
        if line.left is None and line.socket.fileno() in self._lines:
            self._poll.modify(line.socket.fileno(), _READABLE)

    def _receive(self, wait_s: float) -> None:
        # epoll waits for whole milliseconds, select for microseconds
        if wait_s > 0:
            select.select([self._poll.fileno()], [], [], wait_s)
        for number, event in self._poll.poll(0):
            line = self._lines.get(number)
            if line is None:
                continue
            if event & _WRITABLE:
                self._go_on(line)
            if event & ~_WRITABLE and number in self._lines:
                self._read(line)

    def _read(self, line: _Line) -> None:
        try:
            found = line.socket.recv(_READ)
        except BlockingIOError:
            return
        except OSError:
            found = b""
        if not found:
            self._drop(line)
            return
        line.received += found
        if line.is_busy and _is_whole(line.received):
            self._count(line)

    def _count(self, line: _Line) -> None:
        status = int(line.received[9:12])
        if status == 200:
            self.latencies_s.append(time.perf_counter() - self._start_s - line.due_s)
        else:
            self.refused[status] += 1
        line.is_busy, line.is_kept = False, True
        if b"connection: close" in line.received[:1024].lower():
            self._drop(line)
        else:
            self._idle.append(line)

    def _drop(self, line: _Line) -> None:
        """Forget a connection, with what becomes of the request on it."""
        del self._lines[line.socket.fileno()]
        line.socket.close()
        if not line.is_busy:
            with contextlib.suppress(ValueError):
                self._idle.remove(line)
        elif line.is_kept and not line.received:
            self.retried += 1
            self._due.appendleft(line.due_s)
        elif line.left is not None and len(line.left) == len(self._request):
            self.not_accepted += 1
        else:
            self.cut_s.append(line.sent_s)
        line.is_busy = False


def _is_whole(received: bytes) -> bool:
    end = received.find(b"\r\n\r\n")
    if end < 0:
        return False
    length = _LENGTH.search(received, 0, end + 2)
    if length is not None:
        return len(received) >= end + 4 + int(length[1])
    return received.endswith(b"0\r\n\r\n")  # chunked


def _allow_many_files() -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
