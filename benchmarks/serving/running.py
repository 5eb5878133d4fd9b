"""A peer that answers for one model, from its start to its end."""

import contextlib
import http.client
import os
import socket
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import final

import numpy as np
from benchmarks.serving.peers import Peer, Place
from benchmarks.serving.peers.peer import settings
from benchmarks.serving.posts import Post, Wire
from benchmarks.serving.processes import Processes
from benchmarks.serving.workloads import Workload

from tradewind.errors import EngineError

HOST = "127.0.0.1"
_PATIENCE_S = 120.0
_TOLERANCE = 1e-3  # relative: another batch size may choose another kernel


@final
@dataclass(frozen=True)
class Running:
    """A server that has answered its first request rightly."""

    peer: Peer
    load: Workload
    processes: Processes
    http_port: int
    grpc_port: int
    cold_start_s: float  # from the start of the process to the first answer

    @property
    def url(self) -> str:
        """Where it answers over HTTP."""
        return f"http://{HOST}:{self.http_port}"

    def posts(self, timeout_us: int = 0) -> Mapping[Wire, Post]:
        """Return its requests over HTTP."""
        return self.peer.posts(self.load, timeout_us)


@contextmanager
def running(
    peer: Peer, load: Workload, say: Callable[[str], None], cpus: Sequence[int] = ()
) -> Iterator[Running]:
    """Start a peer, wait for a right answer, and end it with all its processes.

    Args:
        peer: what to start.
        load: the model it answers for.
        say: told of installations.
        cpus: where it may run; everywhere when empty.

    Raises:
        EngineError: it ended, never answered or answered wrongly; with the end of its log.
    """
    python = peer.python(say)
    with tempfile.TemporaryDirectory(prefix="tradewind-peer-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        ports = free_ports(3)
        cores = len(cpus) or os.cpu_count() or 1
        place = Place(python, load, folder, ports[0], ports[1], ports[2], cores)
        log = folder / "log"
        variables = {**settings(place), **peer.environment}
        processes = Processes(peer.command(place), variables, log, cpus)
        try:
            posts = peer.posts(load, 0)
            _await_answer(processes, ports[0], posts["json"], load, log)
            cold_start_s = time.perf_counter() - processes.started_s
            for wire, post in posts.items():
                _check(ask(ports[0], post), post, load, f"{peer.name} {wire}")
            yield Running(peer, load, processes, ports[0], ports[1], cold_start_s)
        finally:
            processes.stop()


def ask(port: int, post: Post, timeout_s: float = 30.0) -> tuple[int, bytes]:
    """Send one request and return the status with the body."""
    connection = http.client.HTTPConnection(HOST, port, timeout=timeout_s)
    try:
        connection.request("POST", post.path, post.body, dict(post.headers))
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def free_ports(count: int) -> list[int]:
    """Return ports that nobody has at the moment."""
    with contextlib.ExitStack() as stack:
        found = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in found:
            one.bind((HOST, 0))
        return [int(one.getsockname()[1]) for one in found]


def _await_answer(processes: Processes, port: int, post: Post, load: Workload, log: Path) -> None:
    last = "silence"
    until = time.monotonic() + _PATIENCE_S
    while time.monotonic() < until and not processes.is_over:
        try:
            status, body = ask(port, post)
        except (OSError, http.client.HTTPException) as error:
            last = str(error)
            time.sleep(0.005)
            continue
        if status == 200:
            _check((status, body), post, load, str(log))
            return
        last = f"status {status}: {body[:200]!r}"
        time.sleep(0.02)
    told = log.read_text(errors="replace")[-2000:]
    raise EngineError("server", "an answer", f"{last}; its log ends:\n{told}")


def _check(found: tuple[int, bytes], post: Post, load: Workload, where: str) -> None:
    status, body = found
    if status != 200:
        raise EngineError(where, "status 200", f"{status}: {body[:300]!r}")
    try:
        answer = post.read(body)
    except (ValueError, KeyError, TypeError, AssertionError) as error:
        raise EngineError(where, "an answer in its form", f"{error!r}: {body[:300]!r}") from error
    if answer.shape != load.answer.shape or not np.allclose(
        answer, load.answer, rtol=_TOLERANCE, atol=_TOLERANCE
    ):
        raise EngineError(where, f"{load.answer}", f"{answer}")
