"""ONNX Runtime with its own quantizers."""

import importlib.metadata

from benchmarks.optimizers.peers.peer import Peer

_VERSION = importlib.metadata.version("onnxruntime")
_NEEDS = (
    f"onnxruntime=={_VERSION}",
    f"onnx=={importlib.metadata.version('onnx')}",
    "numpy==2.4.6",
    "sympy==1.14.0",
)

ORT_DEFAULT = Peer(
    "onnxruntime",
    "ONNX Runtime fp32",
    "The original with default settings, at its best batch size. Everything is measured against "
    "it.",
    "onnxruntime",
    is_default=True,
)
ORT_STATIC = Peer(
    "ort-static",
    "ONNX Runtime quantize_static",
    "`quant_pre_process`, then `quantize_static` with its defaults.",
    "onnxruntime",
    "ort",
    _NEEDS,
)
ORT_DYNAMIC = Peer(
    "ort-dynamic",
    "ONNX Runtime quantize_dynamic",
    "`quantize_dynamic` with its defaults.",
    "onnxruntime",
    "ort",
    _NEEDS,
)
