"""Existing runtimes, wrapped: a model goes in, a runner comes out."""

from tradewind.engines.engine import Engine
from tradewind.engines.onnxruntime import OnnxRuntime
from tradewind.engines.openvino import OpenVINO
from tradewind.engines.stages import compile_stages

ENGINES: tuple[type[Engine], ...] = (OnnxRuntime, OpenVINO)
"""Every engine that is installed with the core."""

__all__ = ["ENGINES", "Engine", "OnnxRuntime", "OpenVINO", "compile_stages"]
