"""Existing runtimes, wrapped: a model goes in, a runner comes out."""

from tradewind.engines.engine import Engine
from tradewind.engines.onedal import OneDAL
from tradewind.engines.onnxruntime import OnnxRuntime
from tradewind.engines.openvino import OpenVINO
from tradewind.engines.profiling import Step
from tradewind.engines.pytorch import PyTorch
from tradewind.engines.stages import compile_stages

ENGINES: tuple[type[Engine], ...] = (
    OnnxRuntime,
    OpenVINO,
    *((OneDAL,) if OneDAL.is_installed() else ()),
    *((PyTorch,) if PyTorch.is_installed() else ()),
)
"""Every engine that is installed: those of the core, and those of extras that are there."""

__all__ = [
    "ENGINES",
    "Engine",
    "OneDAL",
    "OnnxRuntime",
    "OpenVINO",
    "PyTorch",
    "Step",
    "compile_stages",
]
