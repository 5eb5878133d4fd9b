"""The Open Inference Protocol over REST, with tensors as bytes."""

import json
from collections.abc import Mapping
from typing import Any, final
from urllib.parse import quote

import msgspec
import numpy as np

from tradewind.client.asking import Language, Question, Received, Scalar, Sent
from tradewind.errors import RequestError
from tradewind.protocol import binary_tensors
from tradewind.tensors import Array, Datatype

_LENGTH = "inference-header-content-length"


class _Output(msgspec.Struct):
    name: str
    datatype: Datatype
    shape: list[int]
    parameters: dict[str, Any] = {}
    data: list[Any] | None = None


class _Answer(msgspec.Struct):
    outputs: list[_Output] = []


@final
class Rest(Language):
    """Questions as paths, JSON and bytes."""

    def infer(self, question: Question) -> Sent:
        return self._asked(question, "infer", {"binary_data_output": True})

    def stream(self, question: Question) -> Sent:
        return self._asked(question, "infer_stream", {})

    def _asked(self, question: Question, action: str, wishes: Mapping[str, Scalar]) -> Sent:
        tensors: list[bytes] = []
        inputs: list[dict[str, Any]] = []
        for name, array in question.inputs.items():
            raw = binary_tensors.write(array)
            tensors.append(raw)
            datatype = Datatype.of(array.dtype)
            inputs.append(
                {"name": name, "datatype": datatype.value, "shape": list(array.shape),
                 "parameters": {"binary_data_size": len(raw)}}
            )  # fmt: skip
        body: dict[str, Any] = {
            "inputs": inputs,
            "parameters": {**question.parameters, **wishes},
        }
        if question.id:
            body["id"] = question.id
        if question.outputs:
            body["outputs"] = [{"name": name} for name in question.outputs]
        head = msgspec.json.encode(body)
        return Sent(
            f"POST {_path(question.model, question.version)}/{action}",
            b"".join((head, *tensors)),
            {"content-type": "application/octet-stream", _LENGTH: str(len(head))},
        )

    def read_answer(self, received: Received) -> dict[str, Array]:
        length = received.headers.get(_LENGTH, "")
        head = int(length) if length.isdecimal() else len(received.body)
        answer: _Answer = _decode(received.body[:head], _Answer)
        tail = memoryview(received.body)[head:]
        found: dict[str, Array] = {}
        for output in answer.outputs:
            size = output.parameters.get("binary_data_size")
            if size is None:
                found[output.name] = _plain(output)
            else:
                shape = tuple(output.shape)
                found[output.name] = binary_tensors.read(
                    output.name, tail[:size], output.datatype, shape
                )
                tail = tail[size:]
        return found

    def is_ready(self, model: str, version: str) -> Sent:
        return Sent(f"GET {_path(model, version)}/ready" if model else "GET /v2/health/ready")

    def read_ready(self, received: Received) -> bool:
        return not received.status

    def metadata(self, model: str, version: str) -> Sent:
        return Sent(f"GET {_path(model, version)}")

    def read_metadata(self, received: Received) -> dict[str, Any]:
        told: dict[str, Any] = _decode(received.body, dict[str, Any])
        return told

    def index(self) -> Sent:
        return Sent("POST /v2/repository/index", b"{}", {"content-type": "application/json"})

    def read_index(self, received: Received) -> list[dict[str, Any]]:
        told: list[dict[str, Any]] = _decode(received.body, list[dict[str, Any]])
        return told

    def manage(self, model: str, action: str, parameters: Mapping[str, Scalar]) -> Sent:
        body = msgspec.json.encode({"parameters": dict(parameters)})
        path = f"POST /v2/repository/models/{quote(model, safe='')}/{action}"
        return Sent(path, body, {"content-type": "application/json"})


def _path(model: str, version: str) -> str:
    path = f"/v2/models/{quote(model, safe='')}"
    return f"{path}/versions/{quote(version, safe='')}" if version else path


def _plain(output: _Output) -> Array:
    """Return what a server sent as JSON although bytes were asked for."""
    found: Array = np.array(output.data or [], output.datatype.numpy)
    return found.reshape(output.shape)


def _decode(body: bytes, kind: Any) -> Any:
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        if b"NaN" in body or b"Infinity" in body:  # which servers of this protocol write bare
            return _decode_special(body, kind)
        raise RequestError("answer", "JSON of the protocol", str(error)) from error


def _decode_special(body: bytes, kind: Any) -> Any:
    try:
        return msgspec.convert(json.loads(body), kind)
    except (ValueError, msgspec.ValidationError) as error:
        raise RequestError("answer", "JSON of the protocol", str(error)) from error
