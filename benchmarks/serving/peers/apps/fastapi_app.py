"""A model behind FastAPI, as one writes it by hand."""

import os
from typing import Any

import numpy as np
import uvicorn
from fastapi import FastAPI, Request, Response
from onnx_model import OnnxModel

app = FastAPI()
model = OnnxModel()


@app.get("/ready")
async def ready() -> dict[str, bool]:
    """Say that the model is loaded."""
    return {"ready": True}


@app.post("/infer")
async def infer(body: dict[str, list[Any]]) -> dict[str, list[Any]]:
    """Answer JSON with JSON."""
    batch = np.asarray(body[model.input_name], model.input_kind)
    return {model.output_name: model(batch).tolist()}


@app.post("/infer-bytes")
async def infer_bytes(request: Request) -> Response:
    """Answer bytes with bytes."""
    data = np.frombuffer(await request.body(), model.input_kind)
    answer = model(data.reshape(-1, *model.input_shape))
    return Response(answer.tobytes(), media_type="application/octet-stream")


if __name__ == "__main__":
    uvicorn.run(
        "fastapi_app:app",
        port=int(os.environ["HTTP_PORT"]),
        workers=int(os.environ["CORES"]),
        loop="uvloop",
        http="httptools",
        access_log=False,
        log_level="warning",
    )
