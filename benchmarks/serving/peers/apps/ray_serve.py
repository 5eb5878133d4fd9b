"""The model behind Ray Serve, on a cluster of this one machine."""

import os
import signal
import threading
from typing import Any

import numpy as np
import numpy.typing as npt
import ray
from onnx_model import OnnxModel
from ray import serve
from starlette.requests import Request


@serve.deployment(
    num_replicas=int(os.environ["CORES"]),
    max_ongoing_requests=256,
    ray_actor_options={"num_cpus": 0.5},
)
class Served:
    """ONNX Runtime called from Ray Serve."""

    def __init__(self) -> None:
        self._model = OnnxModel()

    async def __call__(self, request: Request) -> dict[str, Any]:
        """Answer one request over HTTP."""
        body = await request.json()
        example = np.asarray(body[self._model.input_name], self._model.input_kind)
        return {self._model.output_name: (await self.batched(example)).tolist()}

    @serve.batch(max_batch_size=32, batch_wait_timeout_s=0.001)
    async def batched(self, examples: list[npt.NDArray[Any]]) -> list[npt.NDArray[Any]]:
        """Answer several at once."""
        found = self._model(np.concatenate(examples))
        return list(np.split(found, len(examples)))


if __name__ == "__main__":
    ray.init(
        num_cpus=int(os.environ["CORES"]) + 1,
        include_dashboard=False,
        object_store_memory=100_000_000,
        _temp_dir=os.environ["FOLDER"],
        log_to_driver=False,
    )
    serve.start(http_options={"host": "127.0.0.1", "port": int(os.environ["HTTP_PORT"])})
    serve.run(Served.bind(), route_prefix="/infer")  # type: ignore[attr-defined]
    over = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: over.set())
    while not over.wait(0.5):
        pass
    serve.shutdown()
    ray.shutdown()
