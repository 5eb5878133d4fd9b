"""The model behind the Python server of KServe."""

import os
from functools import cached_property

from kserve import InferOutput, InferRequest, InferResponse, Model, ModelServer
from onnx_model import OnnxModel


class Served(Model):
    """ONNX Runtime called from KServe."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.ready = True

    @cached_property
    def _model(self) -> OnnxModel:
        """Opened in each worker process: a session cannot be sent there."""
        return OnnxModel()

    async def predict(
        self,
        payload: InferRequest,
        headers: dict[str, str] | None = None,
        response_headers: dict[str, str] | None = None,
    ) -> InferResponse:
        """Answer one request."""
        given = payload.inputs[0]
        batch = given.as_numpy().astype(self._model.input_kind, copy=False)
        answer = self._model(batch)
        kind = "FP32" if answer.dtype.name == "float32" else "INT64"
        output = InferOutput(self._model.output_name, list(answer.shape), kind)
        output.set_data_from_numpy(answer, binary_data=True)
        return InferResponse(
            payload.id or "0",
            self.name,
            [output],
            use_binary_outputs=payload.use_binary_outputs,
            requested_outputs=payload.request_outputs,
        )


if __name__ == "__main__":
    ModelServer(
        http_port=int(os.environ["HTTP_PORT"]),
        grpc_port=int(os.environ["GRPC_PORT"]),
        workers=int(os.environ["CORES"]),
        enable_latency_logging=False,
        access_log_format=None,
    ).start([Served(os.environ["NAME"])])
