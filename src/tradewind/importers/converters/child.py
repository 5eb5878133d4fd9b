"""The process in which a converter works: it converts, then answers until nobody asks any more.

It runs in the environment of the framework, which holds numpy, but not Tradewind. One JSON object
a line comes in, one goes out:

    {"do": "convert", "request": {…}, "target": "model.onnx"}           -> {"notes": {…}}
    {"do": "answer", "inputs": "in", "outputs": "out", "inside": […]}   -> {}
    whatever goes wrong                                  -> {"error": [expected, got, hint]}

Tensors travel in folders, as `exchange.py` writes them.
"""

import ctypes
import importlib.util
import json
import os
import signal
import sys
import traceback
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

Arrays = dict[str, Any]
Answer = Callable[[Arrays, list[str]], Arrays]
"""From inputs and the names of tensors inside to outputs and those of them that are known."""


def _main(converter: Path, parent: int, network: str) -> None:
    _end_with(parent)
    _cut_off(network)  # while there is one thread: libraries start more when they are imported
    exchange = _module(Path(__file__).with_name("exchange.py"))
    # frameworks print; what they say goes to the log, and the answers to where it would have gone
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    convert = _module(converter).convert
    answer: Answer | None = None
    for line in sys.stdin:
        order = json.loads(line)
        reply: dict[str, Any] = {}
        try:
            if order["do"] == "convert":
                notes, answer = convert(order["request"], Path(order["target"]))
                reply["notes"] = notes
            else:
                assert answer is not None
                found = answer(exchange.read_tensors(Path(order["inputs"])), order["inside"])
                exchange.write_tensors(Path(order["outputs"]), found)
        except BaseException as error:
            traceback.print_exc()
            reply["error"] = _told(error)
        answers.write(json.dumps(reply) + "\n")
        answers.flush()


def _module(path: Path) -> Any:
    # in a package, so that a script may import what lies beside it: `from .parts import …`
    package = types.ModuleType("converters")
    package.__path__ = [str(path.parent)]
    sys.modules["converters"] = package
    spec = importlib.util.spec_from_file_location(f"converters.{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _told(error: BaseException) -> list[str]:
    """Return what was expected, what was got and what to do."""
    if isinstance(error, ValueError) and len(error.args) == 3:  # a converter's own refusal
        return [str(part) for part in error.args]
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    text = f"{type(error).__name__}: {lines[0] if lines else ''}"
    return ["a model that can be converted", text[:400], ""]


def _end_with(parent: int) -> None:
    """Let the kernel end this process with its parent, which may be killed without warning."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
    if os.getppid() != parent:
        sys.exit("nobody waits for the answers any more")


def _cut_off(network: str) -> None:
    """Leave every network, as anybody may who becomes somebody else first."""
    if sys.platform == "linux":
        own_user, own_network = 0x10000000, 0x40000000
        if ctypes.CDLL(None).unshare(own_user | own_network) == 0:
            return
    if network == "never":
        sys.exit("this system does not let a process be cut off from the network")


if __name__ == "__main__":
    _main(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
