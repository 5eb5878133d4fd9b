"""Nothing that the core does tries to reach a network."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

_WATCH = """
import os, sys
def watch(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto"):
        if event == "socket.connect" and isinstance(arguments[1], (str, bytes)):
            return  # a socket of this machine's own file system
        os.write(2, f"NETWORK {event} {arguments}\\n".encode())
        os._exit(99)
sys.addaudithook(watch)
"""

_WORK = """
import contextlib
import numpy as np
import tradewind
from tests.cases import DENSE
from tests.cases.case import GENERAL
from tradewind.errors import PassError
from tradewind.passes import PASSES, Observed, QuantizeNNCF
random = np.random.default_rng(0)
seen = Observed(DENSE.draw(random, 16))
for kind in PASSES:
    with contextlib.suppress(PassError):  # this model has no blocks and no trees
        kind().apply(DENSE.model, seen)
for kind in GENERAL:
    with kind().compile(DENSE.model) as runner:
        runner(DENSE.draw(random, 2))
print("done")
"""


def _run(folder: Path, code: str, prefix: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    """Run `code` in a process that is watched, as are its children, with an empty home."""
    (folder / "hook").mkdir()
    (folder / "home").mkdir()
    (folder / "hook" / "sitecustomize.py").write_text(_WATCH, encoding="utf-8")
    path = os.pathsep.join([str(folder / "hook"), str(ROOT / "src"), str(ROOT)])
    # without what tells a runtime that it is being tested, and so to keep quiet
    wanted = {"PATH", "LANG", "VIRTUAL_ENV", "LD_LIBRARY_PATH"}
    env = {name: value for name, value in os.environ.items() if name in wanted}
    return subprocess.run(
        [*prefix, sys.executable, "-c", code],
        capture_output=True,
        check=False,
        text=True,
        env={**env, "HOME": str(folder / "home"), "PYTHONPATH": path},
    )


def test_the_watch_sees_an_attempt(tmp_path: Path) -> None:
    code = "import socket; socket.create_connection(('127.0.0.1', 9), timeout=1)"
    done = _run(tmp_path, code)
    assert done.returncode == 99
    assert "NETWORK" in done.stderr


def test_nothing_tries_to_connect_and_nothing_is_left_in_the_home(tmp_path: Path) -> None:
    done = _run(tmp_path, _WORK)
    assert "NETWORK" not in done.stderr
    assert done.returncode == 0, done.stderr[-2000:]
    # an id of this device would be there, or events that wait to be sent
    assert list((tmp_path / "home").iterdir()) == []


_COUNTED = """
from pathlib import Path
import socket
def counters():
    found = {}
    lines = Path("/proc/net/snmp").read_text().splitlines()
    for names, values in zip(lines[::2], lines[1::2]):
        kind, *fields = names.split()
        found |= {kind + field: int(value) for field, value in zip(fields, values.split()[1:])}
    for line in Path("/proc/net/snmp6").read_text().splitlines():
        name, value = line.split()
        found[name] = int(value)
    return [found[name] for name in
            ("Ip:OutRequests", "Ip:OutNoRoutes", "Tcp:ActiveOpens", "Ip6OutNoRoutes")]
before = counters()
"""
"""Counts packets and connections of this network, native code included."""


@pytest.fixture
def alone() -> tuple[str, ...]:
    """The start of a command that runs in a network of its own, which leads nowhere."""
    prefix = ("unshare", "--net", "--map-root-user")
    if not shutil.which("unshare") or subprocess.run([*prefix, "true"], check=False).returncode:
        pytest.skip("a process cannot be cut off from the network here; that takes `unshare`")
    return prefix


def test_the_counters_see_an_attempt(tmp_path: Path, alone: tuple[str, ...]) -> None:
    attempt = """
import ctypes
address = b"\\x02\\x00" + (443).to_bytes(2, "big") + bytes([192, 0, 2, 1]) + bytes(8)
with socket.socket() as unwatched:
    ctypes.CDLL(None).connect(unwatched.fileno(), address, len(address))
assert counters() != before
"""
    done = _run(tmp_path, _COUNTED + attempt, alone)
    assert done.returncode == 0, done.stderr


def test_everything_works_without_a_network_and_sends_no_packet(
    tmp_path: Path, alone: tuple[str, ...]
) -> None:
    done = _run(tmp_path, _COUNTED + _WORK + "assert counters() == before, counters()", alone)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "done" in done.stdout
