"""The model as an MLServer runtime; run as a script it writes the settings and starts it."""

import json
import os
import sys
from pathlib import Path

from mlserver import MLModel
from mlserver.codecs import NumpyCodec
from mlserver.types import InferenceRequest, InferenceResponse
from onnx_model import OnnxModel


class OnnxRuntimeModel(MLModel):
    """ONNX Runtime called from MLServer."""

    async def load(self) -> bool:
        """Open the session."""
        self._model = OnnxModel()
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        """Answer one request, or several that were batched."""
        batch = NumpyCodec.decode_input(payload.inputs[0])
        answer = self._model(batch.astype(self._model.input_kind, copy=False))
        output = NumpyCodec.encode_output(self._model.output_name, answer)
        return InferenceResponse(model_name=self.name, outputs=[output])


def main() -> None:
    """Write the settings and become the server."""
    folder = Path(os.environ["FOLDER"])
    model = {
        "name": os.environ["NAME"],
        "implementation": "mlserver_model.OnnxRuntimeModel",
        "max_batch_size": 32,
        "max_batch_time": 0.001,
    }
    server = {
        "host": "127.0.0.1",
        "http_port": int(os.environ["HTTP_PORT"]),
        "grpc_port": int(os.environ["GRPC_PORT"]),
        "metrics_port": int(os.environ["SPARE_PORT"]),
        "parallel_workers": int(os.environ["CORES"]),
        "debug": False,
        "access_log": False,
    }
    (folder / "model-settings.json").write_text(json.dumps(model))
    (folder / "settings.json").write_text(json.dumps(server))
    os.environ["PYTHONPATH"] = str(Path(__file__).parent)
    program = str(Path(sys.executable).parent / "mlserver")
    os.execv(program, [program, "start", str(folder)])


if __name__ == "__main__":
    main()
