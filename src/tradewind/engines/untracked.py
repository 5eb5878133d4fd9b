"""The runtimes, imported so that they tell nobody.

- ONNX Runtime from 1.29 on sends names, sizes and hashes of models to its maker, and leaves a
  device id in the user's home, unless a variable of the environment says otherwise.
- OpenVINO starts a process that sends an event to a public analytics service as soon as its
  package is imported, and NNCF an event for each model, unless `openvino_telemetry` is not
  installed; then both take a stub of their own.

The variable stays set, for the processes that this one starts.
"""

import contextlib
import os
import sys
from collections.abc import Iterator
from types import ModuleType

from tradewind.engines import tbb


@contextlib.contextmanager
def untracked() -> Iterator[None]:
    """Let imports in this block find no telemetry, as where it is not installed."""
    modules: dict[str, ModuleType | None] = sys.modules  # type: ignore[assignment]
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
    import openvino as ov

__all__ = ["ort", "ov", "untracked"]
