"""Graphs that OpenVINO reads: its own, and PaddlePaddle's.

Runs in a process of its own, because a damaged graph may crash OpenVINO.
"""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type] # it then tells nobody

import openvino as ov  # noqa: E402

from .openvino_graphs.answering import Answering  # noqa: E402

Arrays = dict[str, Any]
Answer = Callable[[Arrays, list[str]], Arrays]


def convert(request: dict[str, Any], target: Path) -> tuple[dict[str, Any], Answer]:
    """Write the graph; return its kind, with a function that answers as OpenVINO does.

    Args:
        request: `graph` and `weights`, the two files of the model.
        target: the ONNX file to write.
    """
    graph, weights = Path(request["graph"]), Path(request["weights"])
    try:
        if graph.suffix == ".xml":
            # by content: OpenVINO looks for no other file then
            read = ov.Core().read_model(graph.read_bytes(), weights.read_bytes())
        else:
            read = ov.Core().read_model(graph, weights)
    except RuntimeError as error:
        hint = "copy it again with everything that lies beside it."
        raise ValueError("a model that OpenVINO can read", _reason(error), hint) from error
    answering = Answering(read)
    target.write_bytes(answering.proto.SerializeToString())
    return {"kind": answering.kind}, answering


def _reason(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    telling = [line for line in lines if not line.startswith(("Exception from", "Check "))]
    return (telling or lines or ["damage that it cannot name"])[0][:300]
