"""One request in each of the forms that servers take."""

import json
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, final

import numpy as np
from benchmarks.serving.workloads import Workload

from tradewind.tensors import Array, Datatype

Wire = Literal["json", "binary", "grpc"]


@final
@dataclass(frozen=True)
class Post:
    """A request that is sent again and again, with how its answer is read."""

    path: str
    body: bytes
    read: Callable[[bytes], Array]
    headers: Mapping[str, str] = field(default_factory=dict)

    def encode(self, host: str) -> bytes:
        """Return the bytes of the request over HTTP/1.1."""
        lines = [f"POST {self.path} HTTP/1.1", f"Host: {host}"]
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        lines += [f"Content-Length: {len(self.body)}", "", ""]
        return "\r\n".join(lines).encode() + self.body


def protocol_json(load: Workload, timeout_us: int = 0) -> Post:
    """Return the JSON of the Open Inference Protocol.

    Args:
        load: what is asked.
        timeout_us: how long the request may wait in the queue; 0 says nothing.
    """
    tensor = {**_described(load), "data": load.example.ravel().tolist()}
    body = json.dumps({"inputs": [tensor], **_wishes(timeout_us)}).encode()
    return Post(_path(load), body, _read_protocol_json, {"Content-Type": "application/json"})


def protocol_binary(load: Workload, timeout_us: int = 0) -> Post:
    """Return the protocol's binary form, both ways."""
    data = load.example.tobytes()
    tensor = {**_described(load), "parameters": {"binary_data_size": len(data)}}
    output = {"name": load.output_name, "parameters": {"binary_data": True}}
    head = {"inputs": [tensor], "outputs": [output], **_wishes(timeout_us)}
    begin = json.dumps(head).encode()
    headers = {
        "Content-Type": "application/octet-stream",
        "Inference-Header-Content-Length": str(len(begin)),
    }
    return Post(_path(load), begin + data, _read_protocol_binary, headers)


def plain_json(load: Workload, path: str, called: str = "") -> Post:
    """Return `{"INPUT": [[...]]}`, as servers without a protocol take it.

    Args:
        load: what is asked.
        path: where it is sent.
        called: the input's name there, if it is another one.
    """
    body = json.dumps({called or load.input_name: load.example.tolist()}).encode()

    def read(answer: bytes) -> Array:
        found = json.loads(answer)
        tensor = found[load.output_name] if isinstance(found, dict) else found
        return np.asarray(tensor, load.answer.dtype)

    return Post(path, body, read, {"Content-Type": "application/json"})


def raw(load: Workload, path: str) -> Post:
    """Return the bytes of the tensor and nothing else."""

    def read(answer: bytes) -> Array:
        return np.frombuffer(answer, load.answer.dtype).reshape(load.answer.shape)

    return Post(path, load.example.tobytes(), read, {"Content-Type": "application/octet-stream"})


def protocol_grpc(load: Workload, timeout_us: int = 0) -> bytes:
    """Return a ModelInferRequest of the protocol, encoded; the tensor goes as raw bytes.

    Source: https://github.com/kserve/open-inference-protocol, open_inference_grpc.proto.
    """
    shape = b"".join(_varint(size) for size in load.example.shape)
    kind = Datatype.of(load.example.dtype).value.encode()
    tensor = _part(1, load.input_name.encode()) + _part(2, kind) + _part(3, shape)
    message = _part(1, load.name.encode())
    if timeout_us:
        value = _varint(2 << 3) + _varint(timeout_us)  # InferParameter.int64_param
        message += _part(4, _part(1, b"timeout") + _part(2, value))
    message += _part(5, tensor) + _part(6, _part(1, load.output_name.encode()))
    return message + _part(7, load.example.tobytes())


def framed(message: bytes) -> bytes:
    """Return a message as gRPC sends it over HTTP/2: not compressed, with its length."""
    return struct.pack(">?I", False, len(message)) + message


def _path(load: Workload) -> str:
    return f"/v2/models/{load.name}/infer"


def _described(load: Workload) -> dict[str, object]:
    return {
        "name": load.input_name,
        "shape": list(load.example.shape),
        "datatype": Datatype.of(load.example.dtype).value,
    }


def _wishes(timeout_us: int) -> dict[str, object]:
    return {"parameters": {"timeout": timeout_us}} if timeout_us else {}


def _read_protocol_json(answer: bytes) -> Array:
    found = json.loads(answer)["outputs"][0]
    return np.asarray(found["data"], Datatype(found["datatype"]).numpy).reshape(found["shape"])


def _read_protocol_binary(answer: bytes) -> Array:
    """Read an answer whose JSON head ends where the bytes of its only output begin."""
    found, end = json.JSONDecoder().raw_decode(answer.decode("latin-1"))
    tensor = found["outputs"][0]
    size = tensor["parameters"]["binary_data_size"]
    data = answer[len(answer) - size :]
    assert end + size <= len(answer)
    return np.frombuffer(data, Datatype(tensor["datatype"]).numpy).reshape(tensor["shape"])


def _part(number: int, content: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    found = bytearray()
    while value > 127:
        found.append(value & 127 | 128)
        value >>= 7
    return bytes([*found, value])
