"""Calls of the asynchronous HTTP client that others wrote; argument 1 is HOST:PORT.

Runs in an environment of its own.
"""

# mypy: ignore-errors
# what it imports is not installed where the checker runs

import asyncio
import sys

import numpy as np
import tritonclient.http.aio as triton
from tritonclient.utils import InferenceServerException

GIVEN = np.arange(8, dtype=np.float32).reshape(2, 4)


def tensor(*, is_binary=True):
    made = triton.InferInput("x", [2, 4], "FP32")
    made.set_data_from_numpy(GIVEN, binary_data=is_binary)
    return made


async def main() -> None:
    async with triton.InferenceServerClient(sys.argv[1]) as client:
        assert await client.is_server_live()
        assert await client.is_server_ready()
        assert await client.is_model_ready("tiny")
        assert (await client.get_server_metadata())["name"] == "tradewind"
        assert (await client.get_model_metadata("tiny"))["name"] == "tiny"
        assert (await client.get_model_config("tiny"))["name"] == "tiny"
        assert (await client.get_inference_statistics("tiny"))["model_stats"]
        assert await client.get_model_repository_index()
        calls = [client.infer("tiny", [tensor(is_binary=flag)]) for flag in (True, False) * 4]
        for answer in await asyncio.gather(*calls):
            assert answer.as_numpy("y").tolist() == (GIVEN * 10).tolist()
        for act in (client.load_model, client.unload_model, client.get_model_metadata):
            try:
                await act("nope")
            except InferenceServerException:
                continue
            raise AssertionError(act)


if __name__ == "__main__":
    asyncio.run(main())
    print("all calls passed")
