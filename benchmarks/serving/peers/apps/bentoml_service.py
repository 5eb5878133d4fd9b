"""The model as a BentoML service; run as a script it starts it."""

import os
import sys
from pathlib import Path

import bentoml
import numpy as np
from onnx_model import OnnxModel


@bentoml.service(workers=int(os.environ["CORES"]), metrics={"enabled": False})
class Served:
    """ONNX Runtime called from BentoML."""

    def __init__(self) -> None:
        self._model = OnnxModel()

    @bentoml.api(batchable=True, max_batch_size=32, max_latency_ms=1000)
    def infer(self, x: np.ndarray) -> np.ndarray:
        """Answer one request, or several that were batched."""
        return self._model(x.astype(self._model.input_kind, copy=False))


if __name__ == "__main__":
    command = ["bentoml", "serve", "bentoml_service:Served", "--host", "127.0.0.1"]
    command += ["--port", os.environ["HTTP_PORT"], "--working-dir", str(Path(__file__).parent)]
    os.environ["BENTOML_HOME"] = os.environ["FOLDER"]
    os.execv(sys.executable, [sys.executable, "-m", *command])
