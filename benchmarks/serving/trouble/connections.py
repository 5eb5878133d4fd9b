"""Clients that connect and do not behave."""

import contextlib
import resource
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.serving.running import HOST
from benchmarks.serving.trouble.finding import (
    Claim,
    Fault,
    Finding,
    Scale,
    bounded,
    reasoned,
    settled,
)
from benchmarks.serving.trouble.stand import Memory, Stand, stand

_MEMORY = 200 * 10**6
_RATE = 200.0  # a second, of clients who behave
_DRIP_S = 0.5
_HEAD = b"POST /v2/models/tiny/infer HTTP/1.1\r\nHost: x\r\n"
_STAYS = 16  # files that may be opened meanwhile for other reasons


@contextmanager
def _open(server: Stand, count: int) -> Iterator[list[socket.socket]]:
    """Open many connections; some may be refused."""
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    with contextlib.ExitStack() as stack:
        found = []
        for _ in range(count):
            try:
                client = socket.create_connection((HOST, server.port), timeout=5)
            except OSError:
                break
            found.append(stack.enter_context(client))
        yield found


def _beside(
    folder: Path, scale: Scale, count: int, misbehave: Callable[[list[socket.socket]], None]
) -> Finding:
    """Let others ask while `count` connections misbehave."""
    with stand(folder) as server:
        files = server.open_files()
        with Memory(server.processes) as memory:
            with _open(server, count) as clients:
                misbehave(clients)
                over = threading.Event()
                dripping = threading.Thread(target=_drip, args=(clients, over))
                dripping.start()
                try:
                    outcome = server.drive(_RATE, scale.seconds).outcome()
                finally:
                    over.set()
                    dripping.join()
            recovery_s = server.recovery_s()
        left = server.files_fall_to(files + _STAYS)
        share = outcome.in_time / outcome.offered
        return Finding(
            [
                Claim("connections are taken", len(clients) == count, f"{len(clients):,}"),
                settled(outcome),
                reasoned(outcome, ()),
                Claim("others are answered in time", share >= 0.95, f"{share:.0%}", is_timed=True),
                bounded(memory.before, memory.peak, _MEMORY),
                Claim("files are closed", left <= files + _STAYS, f"{files} before, {left} after"),
            ],
            outcome,
            recovery_s,
            memory.before,
            memory.peak,
            {"bytes_per_connection": (memory.peak - memory.before) / max(1, len(clients))},
        )


def _drip(clients: list[socket.socket], over: threading.Event) -> None:
    """Send one byte on each of those that have begun a request by name."""
    while not over.wait(_DRIP_S):
        for client in clients:
            if client.gettimeout() == _DRIP_S:
                with contextlib.suppress(OSError):
                    client.send(b"x")


def _slow_loris(folder: Path, scale: Scale) -> Finding:
    def misbehave(clients: list[socket.socket]) -> None:
        for client in clients:
            client.settimeout(_DRIP_S)  # marks it for the drip
            client.send(_HEAD + b"X-Slow: ")

    return _beside(folder, scale, scale.clients, misbehave)


def _half_open(folder: Path, scale: Scale) -> Finding:
    def misbehave(clients: list[socket.socket]) -> None:
        beginnings = (_HEAD, _HEAD + b"Content-Length: 100\r\n\r\n", _HEAD[:9], b"\0")
        for number, client in enumerate(clients):
            client.send(beginnings[number % len(beginnings)])

    return _beside(folder, scale, scale.clients, misbehave)


def _idle(folder: Path, scale: Scale) -> Finding:
    return _beside(folder, scale, scale.idle, lambda _: None)


SLOW_LORIS = Fault(
    "slow-loris", "Clients send a header that never ends, a byte every half second.", _slow_loris
)
HALF_OPEN = Fault("half-open", "Clients begin requests, and say nothing more.", _half_open)
IDLE = Fault("idle", "Clients connect, and never ask anything.", _idle)
