"""Calls of KServe's clients; argument 1 is HOST:PORT of HTTP, argument 2 that of gRPC.

Runs in an environment of its own.
"""

# mypy: ignore-errors
# what it imports is not installed where the checker runs

import asyncio
import sys

import httpx
import numpy as np
from kserve import InferenceGRPCClient, InferenceRESTClient, InferInput, InferRequest, RESTConfig

GIVEN = np.arange(8, dtype=np.float32).reshape(2, 4)


def request(model="tiny", *, is_binary=False, datatype="FP32", array=GIVEN):
    tensor = InferInput("x", list(array.shape), datatype)
    tensor.set_data_from_numpy(array, binary_data=is_binary)
    return InferRequest(model_name=model, infer_inputs=[tensor], request_id="7")


def check(answer):
    assert answer.id == "7", answer
    assert answer.outputs[0].name == "y"
    found = answer.outputs[0].as_numpy()
    assert found.tolist() == (GIVEN * 10).tolist(), found


async def over_rest(address):
    client = InferenceRESTClient(RESTConfig(protocol="v2"))
    url = f"http://{address}"
    assert await client.is_server_live(url)
    assert await client.is_server_ready(url)
    assert await client.is_model_ready(url, "tiny")
    for is_binary in (False, True):
        check(await client.infer(url, request(is_binary=is_binary), model_name="tiny"))
    half = request("echo-FP16", is_binary=True, datatype="FP16", array=GIVEN.astype(np.float16))
    half.parameters = {"binary_data_output": True}
    found = await client.infer(url, half, model_name="echo-FP16")
    assert found.outputs[0].as_numpy().tolist() == GIVEN.tolist()
    try:
        await client.infer(url, request("nope"), model_name="nope")
    except httpx.HTTPStatusError as error:
        if error.response.status_code != 404:
            raise
    else:
        raise AssertionError("an unknown model answered")
    await client.close()


async def over_grpc(address):
    async with InferenceGRPCClient(address) as client:
        assert await client.is_server_live()
        assert await client.is_server_ready()
        assert await client.is_model_ready("tiny")
        assert not await client.is_model_ready("nope")
        for is_binary in (False, True):
            check(await client.infer(request(is_binary=is_binary)))
        words = np.array([["a", "b"]], object)
        found = await client.infer(request("echo-BYTES", datatype="BYTES", array=words))
        assert found.outputs[0].as_numpy().tolist() == [[b"a", b"b"]], found
        try:
            await client.infer(request("nope"))
        except Exception as error:  # its own class differs between versions
            text = str(error)
        else:
            text = "an answer"
        assert "unknown model" in text, text


async def main() -> None:
    await over_rest(sys.argv[1])
    await over_grpc(sys.argv[2])


if __name__ == "__main__":
    asyncio.run(main())
    print("all calls passed")
