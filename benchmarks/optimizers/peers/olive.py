"""Olive of Microsoft."""

import importlib.metadata

from benchmarks.optimizers.peers.peer import Peer

OLIVE = Peer(
    "olive",
    "Olive",
    "A workflow of the one pass `OnnxStaticQuantization` with its defaults: `olive quantize` takes "
    "data from Hugging Face alone.",
    "onnxruntime",
    "olive_static",
    (
        "olive-ai==0.13.0",
        "torch==2.13.0",
        f"onnxruntime=={importlib.metadata.version('onnxruntime')}",
        "requests==2.34.2",
    ),
    environment={"OLIVE_DISABLE_TELEMETRY": "1"},
)
