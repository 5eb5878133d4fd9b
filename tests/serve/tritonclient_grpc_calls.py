"""Calls of a client that others wrote, over gRPC; argument 1 is HOST:PORT.

Runs in an environment of its own.
"""

# mypy: ignore-errors
# what it imports is not installed where the checker runs

import asyncio
import queue
import sys

import numpy as np
import tritonclient.grpc as triton
import tritonclient.grpc.aio as triton_aio
from tritonclient.utils import InferenceServerException
from tritonclient_calls import PLAIN, values

GIVEN = np.arange(8, dtype=np.float32).reshape(2, 4)
PATIENCE_S = 60


def tensor(array=GIVEN, datatype="FP32"):
    made = triton.InferInput("x", list(array.shape), datatype)
    made.set_data_from_numpy(array)
    return made


def told(client):
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready("tiny")
    assert not client.is_model_ready("nope")
    assert client.get_server_metadata().name == "tradewind"
    found = client.get_model_metadata("tiny", as_json=True)
    assert found["inputs"] == [{"name": "x", "datatype": "FP32", "shape": ["-1", "4"]}], found
    config = client.get_model_config("tiny").config
    assert config.input[0].data_type == 11, config  # TYPE_FP32
    assert list(config.input[0].dims) == [4]
    names = [model.name for model in client.get_model_repository_index().models]
    assert "tiny" in names
    stats = client.get_inference_statistics("tiny").model_stats[0]
    assert stats.name == "tiny"
    assert client.get_inference_statistics().model_stats


def asked(client):
    answer = client.infer(
        "tiny",
        [tensor()],
        request_id="7",
        priority=1,
        timeout=PATIENCE_S * 1_000_000,
        client_timeout=PATIENCE_S,
        headers={"x-anything": "1"},
        parameters={"word": "x", "number": 3, "flag": True},
    )
    assert answer.as_numpy("y").tolist() == (GIVEN * 10).tolist()
    assert answer.get_response().id == "7"
    for packing in ("gzip", "deflate"):
        found = client.infer("tiny", [tensor()], compression_algorithm=packing)
        assert found.as_numpy("y").tolist() == (GIVEN * 10).tolist()
    classes = client.infer("tiny", [tensor()], outputs=[triton.InferRequestedOutput("y", 2)])
    assert classes.as_numpy("y").tolist() == [[b"30.0:3", b"20.0:2"], [b"70.0:3", b"60.0:2"]]
    done = queue.Queue()
    for _ in range(8):
        client.async_infer("tiny", [tensor()], lambda result, error: done.put((result, error)))
    for _ in range(8):
        result, error = done.get(timeout=PATIENCE_S)
        assert error is None, error
        assert result.as_numpy("y").tolist() == (GIVEN * 10).tolist()
    client.async_infer("slow", [tensor(GIVEN[:, :1].copy())], lambda result, error: None).cancel()


def echoed(client):
    for datatype in (*PLAIN, "FP16", "BF16", "BYTES"):
        given = values(datatype)
        wanted = [triton.InferRequestedOutput("y")]
        found = client.infer(f"echo-{datatype}", [tensor(given, datatype)], outputs=wanted)
        array = found.as_numpy("y")
        if datatype == "BYTES":
            array = np.array([[word.decode() for word in array[0]]], dtype=object)
        assert array.tolist() == given.tolist(), (datatype, array)


def refused(client):
    wrong = tensor(np.zeros((1, 3), np.float32))
    for act, code in (
        (lambda: client.infer("tiny", [wrong]), "INVALID_ARGUMENT"),
        (lambda: client.infer("nope", [wrong]), "NOT_FOUND"),
        (lambda: client.get_model_metadata("nope"), "NOT_FOUND"),
        (lambda: client.load_model("nope"), "StatusCode"),
        (lambda: client.unload_model("nope"), "StatusCode"),
        (lambda: client.get_system_shared_memory_status(), "UNIMPLEMENTED"),
        (lambda: client.get_cuda_shared_memory_status(), "UNIMPLEMENTED"),
        (lambda: client.get_trace_settings(), "UNIMPLEMENTED"),
        (lambda: client.get_log_settings(), "UNIMPLEMENTED"),
    ):
        assert code in status(act), code


def status(act):
    try:
        act()
    except InferenceServerException as error:
        return f"StatusCode {error.status()}"
    return "no error"


def streamed(client):
    done = queue.Queue()
    client.start_stream(lambda result, error: done.put((result, error)))
    for number in range(5):
        client.async_stream_infer("tiny", [tensor()], request_id=str(number))
    client.async_stream_infer("nope", [tensor()], request_id="bad")
    client.async_stream_infer(
        "tiny", [tensor()], request_id="last", enable_empty_final_response=True
    )
    for number in range(5):
        result, error = done.get(timeout=PATIENCE_S)
        assert error is None, error
        assert result.get_response().id == str(number)
    result, error = done.get(timeout=PATIENCE_S)
    assert "unknown model" in error.message()
    result, error = done.get(timeout=PATIENCE_S)
    assert error is None, error
    assert result.get_response().parameters["triton_final_response"].bool_param
    client.stop_stream()


def sequences(client):
    one, steps = (np.ones((count, 2), np.float32) for count in (1, 3))
    for number in range(1, 4):
        said = {"sequence_start": number == 1, "sequence_end": number == 3}
        found = client.infer("counter", [tensor(one)], sequence_id=70, **said)
        assert found.as_numpy("n").tolist() == [[number]]
    done = queue.Queue()
    client.start_stream(lambda result, error: done.put((result, error)))
    for name in (71, "seventy"):
        client.async_stream_infer("counter", [tensor(one)], sequence_id=name, sequence_start=True)
    for name in (71, "seventy"):
        client.async_stream_infer("counter", [tensor(steps)], sequence_id=name, sequence_end=True)
    seen = []
    for _ in range(8):
        result, error = done.get(timeout=PATIENCE_S)
        assert error is None, error
        final = result.get_response().parameters.get("triton_final_response")
        seen.append((result.as_numpy("n").item(), final and final.bool_param))
    client.stop_stream()
    streamed_steps = [(2, False), (3, False), (4, True)]
    assert seen == [(1, None), (1, None), *streamed_steps, *streamed_steps], seen


async def not_waited_for(address):
    async with triton_aio.InferenceServerClient(address) as client:
        assert await client.is_server_ready()
        assert (await client.get_model_metadata("tiny")).name == "tiny"
        assert (await client.get_model_config("tiny")).config.name == "tiny"
        assert (await client.get_model_repository_index()).models
        assert (await client.get_inference_statistics("tiny")).model_stats
        found = await asyncio.gather(*(client.infer("tiny", [tensor()]) for _ in range(8)))
        assert all(one.as_numpy("y").tolist() == (GIVEN * 10).tolist() for one in found)

        async def requests():
            for number in range(3):
                yield {"model_name": "tiny", "inputs": [tensor()], "request_id": str(number)}

        seen = []
        async for result, error in client.stream_infer(requests()):
            assert error is None, error
            seen.append(result.get_response().id)
        assert seen == ["0", "1", "2"]


def main() -> None:
    client = triton.InferenceServerClient(sys.argv[1])
    for step in (told, asked, echoed, refused, streamed, sequences):
        step(client)
    client.close()
    asyncio.run(not_waited_for(sys.argv[1]))


if __name__ == "__main__":
    main()
    print("all calls passed")
