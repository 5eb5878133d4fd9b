"""A converter at work in the environment of its framework."""

import contextlib
import json
import os
import select
import signal
import subprocess
import tempfile
import time
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any, Self, final

import onnx

from tradewind.errors import ModelError, OutputError
from tradewind.importers.converters.exchange import read_tensors, write_tensors
from tradewind.importers.environments import python_of
from tradewind.importers.original import Original
from tradewind.model import MAX_BYTES
from tradewind.temporary import environment_inside, temporary_folder
from tradewind.tensors import Array, Tensors

CONVERTERS = Path(__file__).parent / "converters"

_QUIET = {
    "HF_HUB_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "TF_CPP_MIN_LOG_LEVEL": "2",
    "TOKENIZERS_PARALLELISM": "false",
    "DO_NOT_TRACK": "1",
    "JAX_PLATFORMS": "cpu",
}
"""Frameworks neither ask a hub nor tell anybody what they are used for."""


@final
class Conversion(Original):
    """A converter in a child process without network, which then answers as the original does.

    Args:
        child: the process, which reads orders and writes replies, a line each.
        folder: what it may write to.
        held: is closed with this, and removes the folder.
        where: the file that is imported.
        timeout_s: seconds that one order may take.
    """

    def __init__(
        self,
        child: "subprocess.Popen[bytes]",
        folder: Path,
        held: contextlib.ExitStack,
        where: str,
        timeout_s: float,
    ) -> None:
        self._child = child
        self._folder = folder
        self._held = held
        self._where = where
        self._timeout_s = timeout_s
        self._asked = 0
        self._unread = b""
        self.notes: dict[str, Any] = {}

    @classmethod
    def start(
        cls,
        converter: str,
        environment: str,
        request: dict[str, Any],
        where: str,
        *,
        timeout_s: float = 900.0,
        must_be_offline: bool = False,
    ) -> "Conversion":
        """Convert a model.

        Args:
            converter: the name of a script among `converters`.
            environment: the environment that it runs in.
            request: what the script is told, in terms of JSON.
            where: the file that is imported.
            timeout_s: seconds that the conversion may take, and each answer.
            must_be_offline: refuse where the system cannot cut the child off from the network.

        Raises:
            ModelError: the environment is missing, or the model cannot be converted.
        """
        return cls.run(
            CONVERTERS / f"{converter}.py",
            python_of(environment, where),
            request,
            where,
            timeout_s=timeout_s,
            must_be_offline=must_be_offline,
        )

    @classmethod
    def run(
        cls,
        script: Path,
        python: Path,
        request: dict[str, Any],
        where: str,
        *,
        timeout_s: float,
        must_be_offline: bool = False,
    ) -> "Conversion":
        """Convert a model by a script of one's own; the rest is as `start` has it.

        Args:
            script: has a function `convert(request, target)` that writes an ONNX file and
                returns its notes with a function `answer(inputs, inside)`.
            python: the interpreter that it is for.
            request: as for `start`.
            where: as for `start`.
            timeout_s: as for `start`.
            must_be_offline: as for `start`.
        """
        network = "never" if must_be_offline else "rather not"
        command = [str(python), "-P", str(CONVERTERS / "child.py")]
        command += [str(script), str(os.getpid()), network]
        with contextlib.ExitStack() as held:
            try:
                folder = held.enter_context(temporary_folder())
            except OSError as error:
                raise _no_room(error) from error
            with (folder / "log").open("wb") as log:
                child = subprocess.Popen(
                    command,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=log,
                    cwd=folder,
                    env={**environment_inside(folder), **_QUIET},
                    start_new_session=True,
                )
            found = cls(child, folder, held.pop_all(), where, timeout_s)
        try:
            order = {"do": "convert", "request": request, "target": str(found._target)}
            found.notes = dict(found._ask(order)["notes"])
        except BaseException:
            found.close()
            raise
        return found

    @cached_property
    def proto(self) -> onnx.ModelProto:
        """The graph that the converter wrote, which the caller may change.

        Raises:
            ModelError: it wrote none, or a damaged one.
        """
        if self._target.is_file() and self._target.stat().st_size > MAX_BYTES:
            raise ModelError(self._where, f"at most {MAX_BYTES} bytes", "more")
        try:
            return onnx.load(self._target)
        except Exception as error:  # the class depends on how protobuf was built
            raise ModelError(self._where, "a graph from the converter", str(error)) from error

    def answer(self, inputs: Tensors) -> dict[str, Array]:
        return self._answers(inputs, ())

    def inside(self, inputs: Tensors, names: Sequence[str]) -> dict[str, Array]:
        try:
            return self._answers(inputs, names)
        except ModelError:
            return {}  # it helps to find a difference; without it the output is named

    def close(self) -> None:
        """End the child; what it wrote is removed."""
        if self._child.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._child.pid, signal.SIGKILL)
        self._child.wait()
        for pipe in (self._child.stdin, self._child.stdout):
            assert pipe is not None
            with contextlib.suppress(OSError):
                pipe.close()
        self._held.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def _target(self) -> Path:
        return self._folder / "model.onnx"

    def _answers(self, inputs: Tensors, names: Sequence[str]) -> dict[str, Array]:
        self._asked += 1
        asked = self._folder / f"inputs{self._asked}"
        told = self._folder / f"outputs{self._asked}"
        try:
            write_tensors(asked, dict(inputs))
            order = {"do": "answer", "inputs": str(asked), "outputs": str(told)}
            self._ask({**order, "inside": list(names)})
            return read_tensors(told)
        except OSError as error:
            raise _no_room(error) from error

    def _ask(self, order: dict[str, Any]) -> dict[str, Any]:
        assert self._child.stdin is not None
        try:
            self._child.stdin.write(json.dumps(order).encode() + b"\n")
            self._child.stdin.flush()
        except OSError:
            raise self._ended() from None
        reply: dict[str, Any] = json.loads(self._line())
        if "error" in reply:
            expected, got, hint = reply["error"]
            raise ModelError(self._where, expected, got, hint)
        return reply

    def _line(self) -> bytes:
        """Return the next line that the child writes."""
        assert self._child.stdout is not None
        until = time.monotonic() + self._timeout_s
        while b"\n" not in self._unread:
            left_s = until - time.monotonic()
            ready = select.select([self._child.stdout], [], [], max(left_s, 0))[0]
            if not ready:
                raise ModelError(
                    self._where, f"a conversion within {self._timeout_s:g} s", "none by then"
                )
            part = os.read(self._child.stdout.fileno(), 65536)
            if not part:
                raise self._ended()
            self._unread += part
        line, _, self._unread = self._unread.partition(b"\n")
        return line

    def _ended(self) -> ModelError:
        code = self._child.wait()
        log = self._folder / "log"
        lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        last = f": {lines[-1][:300]}" if lines else ""
        return ModelError(self._where, "a converter that ends well", f"exit status {code}{last}")


def _no_room(error: OSError) -> OutputError:
    return OutputError(
        tempfile.gettempdir(),
        "room for temporary files",
        error.strerror or str(error),
        "point TMPDIR at a folder with space.",
    )
