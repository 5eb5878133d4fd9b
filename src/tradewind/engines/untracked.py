"""The runtimes, imported so that they tell nobody.

- ONNX Runtime from 1.29 on sends names, sizes and hashes of models to its maker, and leaves a
  device id in the user's home, unless a variable of the environment says otherwise.
- OpenVINO starts a process that sends an event to a public analytics service as soon as its
  package is imported, and NNCF an event for each model, unless `openvino_telemetry` is not
  installed; then both take a stub of their own.

The variable stays set, for the processes that this one starts.

OpenVINO is imported when it is first used: whoever serves a model on ONNX Runtime starts sooner
without it, in less memory.
"""

import contextlib
import os
import sys
import threading
from collections.abc import Iterator
from types import ModuleType
from typing import TYPE_CHECKING

from tradewind.engines import tbb
from tradewind.postponed import Postponed

_one_at_a_time = threading.RLock()


@contextlib.contextmanager
def untracked() -> Iterator[None]:
    """Let imports in this block find no telemetry, as where it is not installed."""
    modules: dict[str, ModuleType | None] = sys.modules  # type: ignore[assignment]
    with _one_at_a_time:
        before = modules.get("openvino_telemetry")
        modules["openvino_telemetry"] = None
        try:
            yield
        finally:
            if before is None:
                del modules["openvino_telemetry"]
            else:
                modules["openvino_telemetry"] = before


os.environ["ORT_DISABLE_TELEMETRY"] = "1"
tbb.load_first()
with untracked():
    import onnxruntime as ort
if TYPE_CHECKING:
    import openvino as ov
    from openvino import opset13
else:
    ov = Postponed("openvino", untracked)
    opset13 = Postponed("openvino.opset13", untracked)

__all__ = ["opset13", "ort", "ov", "untracked"]
