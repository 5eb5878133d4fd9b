"""Calls of a client that others wrote; runs in its own environment, argument 1 is HOST:PORT."""

# mypy: ignore-errors
# what it imports is not installed where the checker runs

import sys

import ml_dtypes
import numpy as np
import tritonclient.http as triton
from tritonclient.utils import InferenceServerException, triton_to_np_dtype

PLAIN = ["BOOL", *(f"{kind}{bits}" for kind in ("UINT", "INT") for bits in (8, 16, 32, 64))]
PLAIN += ["FP32", "FP64"]


def values(datatype: str) -> np.ndarray:
    if datatype == "BYTES":
        return np.array([["a", "é", ""]], dtype=object)
    if datatype == "BF16":
        return np.array([[0.0, 1.5, -2.0]], ml_dtypes.bfloat16)
    return np.array([[0, 1, 100]]).astype(triton_to_np_dtype(datatype))


def echo(client, datatype, *, is_binary, **options):
    given = values(datatype)
    tensor = triton.InferInput("x", list(given.shape), datatype)
    tensor.set_data_from_numpy(given, binary_data=is_binary)
    wanted = [triton.InferRequestedOutput("y", binary_data=is_binary)]
    answer = client.infer(f"echo-{datatype}", [tensor], outputs=wanted, request_id="7", **options)
    found = answer.as_numpy("y")
    if datatype == "BYTES" and is_binary:
        found = np.array([[word.decode() for word in found[0]]], dtype=object)
    assert found.tolist() == given.tolist(), (datatype, is_binary, found)
    assert answer.get_response()["id"] == "7"


def health(client):
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready("tiny")
    assert client.is_model_ready("tiny", "1")
    assert not client.is_model_ready("nope")
    assert "binary_tensor_data" in client.get_server_metadata()["extensions"]
    told = client.get_model_metadata("tiny")
    assert told["inputs"] == [{"name": "x", "datatype": "FP32", "shape": [-1, 4]}], told


def defaults(client):
    """Ask as a newcomer does: binary in, nothing said about the outputs."""
    given = np.arange(8, dtype=np.float32).reshape(2, 4)
    tensor = triton.InferInput("x", [2, 4], "FP32")
    tensor.set_data_from_numpy(given)
    assert client.infer("tiny", [tensor]).as_numpy("y").tolist() == (given * 10).tolist()
    pending = [client.async_infer("tiny", [tensor]) for _ in range(8)]
    for one in pending:
        assert one.get_result().as_numpy("y").tolist() == (given * 10).tolist()
    for packing in ("gzip", "deflate"):
        answer = client.infer("tiny", [tensor], request_compression_algorithm=packing)
        assert answer.as_numpy("y").tolist() == (given * 10).tolist()
    quoted = triton.InferInput("x", [1, 1], "FP32")
    quoted.set_data_from_numpy(np.ones((1, 1), np.float32))
    assert client.infer("two words/é", [quoted]).as_numpy("y").tolist() == [[1.0]]


def classes_and_packing(client):
    tensor = triton.InferInput("x", [1, 4], "FP32")
    tensor.set_data_from_numpy(np.array([[1, 3, 2, 0]], np.float32))
    for is_binary in (True, False):
        wanted = [triton.InferRequestedOutput("y", binary_data=is_binary, class_count=2)]
        found = client.infer("tiny", [tensor], outputs=wanted).as_numpy("y").ravel().tolist()
        told = [one.decode() if isinstance(one, bytes) else one for one in found]
        assert told == ["30.0:1", "20.0:2"], told
    long = np.arange(8192, dtype=np.float32).reshape(2048, 4)
    tensor = triton.InferInput("x", [2048, 4], "FP32")
    tensor.set_data_from_numpy(long)
    for packing in ("gzip", "deflate"):
        answer = client.infer("tiny", [tensor], response_compression_algorithm=packing)
        assert answer.as_numpy("y").tolist() == (long * 10).tolist()


def sequences(client):
    tensor = triton.InferInput("x", [1, 2], "FP32")
    tensor.set_data_from_numpy(np.ones((1, 2), np.float32))
    for name in (5, "five"):
        for step in range(1, 4):
            found = client.infer(
                "counter",
                [tensor],
                sequence_id=name,
                sequence_start=step == 1,
                sequence_end=step == 3,
            )
            assert found.as_numpy("n").tolist() == [[step]], (name, step)
    assert "sequence_id" in message(client, "counter", tensor)


def errors(client):
    tensor = triton.InferInput("x", [1, 3], "FP32")
    tensor.set_data_from_numpy(np.zeros((1, 3), np.float32))
    for model, expected in (("tiny", "x.shape: expected FP32[N, 4]"), ("nope", "unknown model")):
        assert expected in message(client, model, tensor)


def message(client, model, tensor):
    try:
        client.infer(model, [tensor])
    except InferenceServerException as error:
        return error.message()
    return "no error"


def main() -> None:
    client = triton.InferenceServerClient(sys.argv[1], concurrency=4)
    health(client)
    defaults(client)
    for datatype in (*PLAIN, "FP16", "BF16", "BYTES"):
        echo(client, datatype, is_binary=True)
    for datatype in (*PLAIN, "BYTES"):
        echo(client, datatype, is_binary=False)
    classes_and_packing(client)
    sequences(client)
    errors(client)
    client.close()


if __name__ == "__main__":
    main()
    print("all calls passed")
