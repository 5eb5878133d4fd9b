"""A process that has loaded what passes need, and forks a child for each of them.

Python, ONNX and NNCF take up to four seconds to load; a search applies a dozen passes. A child may
crash, hang or print as it likes, as one that starts from nothing may.
"""

import contextlib
import importlib
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
import traceback
import warnings
from pathlib import Path
from typing import IO, Self, final

from tradewind.engines.untracked import untracked
from tradewind.passes.isolation import LOG, end_with, obey, run_alone, wanted

_ENDING_S = 10.0
"""A child that was killed has ended within this time."""


@final
class Workshop:
    """Lets children do what folders ask for; it is a context manager, and starts when needed.

    One child works at a time. Anywhere but on Linux, where forking is not safe with what the
    system's own libraries start, or not possible at all, each child starts from nothing.
    """

    def __init__(self) -> None:
        self._server: subprocess.Popen[bytes] | None = None
        self._heard = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    def run(self, folder: Path, timeout_s: float) -> int:
        """Let a child do what a folder asks for, as `Run` says."""
        if sys.platform != "linux":
            return run_alone(folder, timeout_s)
        until = time.monotonic() + timeout_s
        child: int | None = None
        is_known = False  # how the child ended, or that there is none any more
        server = self._server or self._start()
        try:
            with contextlib.suppress(BrokenPipeError):
                _tell(server.stdin, {"folder": str(folder)})
            told = self._hear(server, until)
            if told is not None and "child" in told:
                child = told["child"]
                told = self._hear(server, until)
            is_known = told is not None
            if told is not None:
                return told["status"]
            if time.monotonic() < until:  # it broke while it loaded something
                self._close()
                return server.returncode or 1
            if child is not None:
                _kill(child)
                is_known = self._hear(server, time.monotonic() + _ENDING_S) is not None
            raise TimeoutError
        finally:
            if not is_known:
                if child is not None:
                    _kill(child)
                self._close()

    def _start(self) -> "subprocess.Popen[bytes]":
        command = [sys.executable, "-P", "-m", __name__, str(os.getpid())]
        self._heard = b""
        self._server = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        return self._server

    def _hear(self, server: "subprocess.Popen[bytes]", until: float) -> dict[str, int] | None:
        """Return what is said next; None where time is over, or nobody is there to say it."""
        assert server.stdout is not None
        while b"\n" not in self._heard:
            left_s = until - time.monotonic()
            if left_s <= 0 or not select.select([server.stdout], [], [], left_s)[0]:
                return None
            piece = os.read(server.stdout.fileno(), 1 << 12)
            if not piece:
                return None
            self._heard += piece
        line, _, self._heard = self._heard.partition(b"\n")
        found: dict[str, int] = json.loads(line)
        return found

    def _close(self) -> None:
        server, self._server = self._server, None
        if server is None:
            return
        _kill(server.pid)
        server.wait()
        for pipe in (server.stdin, server.stdout):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()


def _kill(leader: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(leader, signal.SIGKILL)


def _tell(pipe: IO[bytes] | None, what: dict[str, str] | dict[str, int]) -> None:
    assert pipe is not None
    pipe.write(json.dumps(what).encode() + b"\n")
    pipe.flush()


def _serve(parent: int) -> None:
    """Fork a child for each folder that is named, until there is nobody to name one."""
    end_with(parent)
    # what an import prints must not be taken for an answer
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    _set_streams(os.open(os.devnull, os.O_WRONLY))
    warnings.simplefilter("ignore", DeprecationWarning)  # threads of libraries know about forks
    for line in sys.stdin.buffer:
        folder = Path(json.loads(line)["folder"])
        with contextlib.suppress(Exception), untracked():  # the child would meet it too
            for name in wanted(folder).loads:
                importlib.import_module(name)
        server = os.getpid()
        child = os.fork()
        if not child:
            _work(folder, server, answers)
        _, status = os.waitpid(child, 0)
        _tell(answers, {"status": os.waitstatus_to_exitcode(status)})


def _work(folder: Path, server: int, answers: IO[bytes]) -> None:
    """Be the child; this does not return."""
    status = 1
    try:
        os.setsid()
        _tell(answers, {"child": os.getpid()})
        _set_streams(os.open(folder / LOG, os.O_WRONLY))
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.environ["TMPDIR"] = str(folder)  # as `environment_inside` does
        tempfile.tempdir = None
        end_with(server)
        obey(folder)
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        with contextlib.suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(status)


def _set_streams(file: int) -> None:
    """Let everything that is printed go to a file."""
    for stream in (1, 2):
        os.dup2(file, stream)


if __name__ == "__main__":
    _serve(int(sys.argv[1]))
