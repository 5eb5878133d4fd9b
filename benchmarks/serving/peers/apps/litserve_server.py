"""The model behind LitServe."""

import os
from typing import Any

import litserve
import numpy as np
import numpy.typing as npt
from onnx_model import OnnxModel


class Served(litserve.LitAPI):
    """ONNX Runtime called from LitServe."""

    def setup(self, device: str) -> None:
        """Open the session, in each worker."""
        self._model = OnnxModel()

    def decode_request(self, request: dict[str, Any]) -> npt.NDArray[Any]:
        """Read one example; the framework puts several together."""
        return np.asarray(request[self._model.input_name], self._model.input_kind)[0]

    def predict(self, batch: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Answer a batch."""
        return self._model(np.asarray(batch))

    def encode_response(self, answer: npt.NDArray[Any]) -> dict[str, Any]:
        """Write the answer to one example."""
        return {self._model.output_name: [answer.tolist()]}


if __name__ == "__main__":
    api = Served(max_batch_size=32, batch_timeout=0.001)
    cores = int(os.environ["CORES"])
    server = litserve.LitServer(api, accelerator="cpu", workers_per_device=cores, fast_queue=True)
    server.run(
        host="127.0.0.1",
        port=int(os.environ["HTTP_PORT"]),
        num_api_servers=cores,
        generate_client_file=False,
        log_level="warning",
        access_log=False,
    )
