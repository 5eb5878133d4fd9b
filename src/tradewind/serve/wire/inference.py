"""Bytes to requests, responses to bytes: inference in the Open Inference Protocol over REST."""

import json
from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Raw, Struct

from tradewind.errors import RequestError
from tradewind.serve.classification import classes_wanted, classify
from tradewind.serve.messages import Arrival, Request, Response, Wanted
from tradewind.serve.served import ServedModel
from tradewind.serve.shapes import InputRules
from tradewind.serve.wire import binary_tensors, json_tensors
from tradewind.tensors import Array, Datatype, Signature, names

Parameters = dict[str, Any]


class _Input(Struct, gc=False):
    name: str
    shape: list[int]
    datatype: str
    data: Raw = Raw()
    parameters: Parameters = {}


class _Output(Struct, gc=False):
    name: str
    parameters: Parameters = {}


class _Body(Struct, gc=False):
    inputs: list[_Input]
    id: str = ""
    parameters: Parameters = {}
    outputs: list[_Output] | None = None


class _OutputReply(Struct, omit_defaults=True, gc=False):
    name: str
    datatype: Datatype
    shape: tuple[int, ...]
    parameters: Parameters | None = None
    data: list[Any] | None = None


class _Reply(Struct, omit_defaults=True, gc=False):
    model_name: str
    model_version: str
    id: str = ""
    outputs: list[_OutputReply] = msgspec.field(default_factory=list)


_DECODER = msgspec.json.Decoder(_Body)
_ENCODER = msgspec.json.Encoder()


class Encoded(Struct, frozen=True, gc=False):
    """The body of a response."""

    body: bytes
    json_bytes: int | None  # where the JSON ends and tensors begin; None without binary tensors


class Wire:
    """Translates for one model.

    Args:
        model: whose name and outputs the responses carry.
        rules: what its requests must fit.
    """

    def __init__(self, model: ServedModel, rules: InputRules) -> None:
        self._model = model
        self._signature = model.runner.signature
        self._rules = rules
        self._outputs = {spec.name: spec for spec in self._signature.outputs}
        self._default = {
            is_binary: tuple(Wanted(name, is_binary) for name in self._outputs)
            for is_binary in (False, True)
        }

    def decode(self, body: bytes, json_bytes: int | None, arrival: Arrival) -> Request:
        """Return the request that a body holds.

        Args:
            body: JSON, followed by the tensors that are sent as bytes.
            json_bytes: where the JSON ends; None when there is nothing else.
            arrival: kept for whoever answers.

        Raises:
            RequestError: the body is no JSON, or does not fit the signature.
        """
        if json_bytes == 0:
            return self._decode_raw(body, arrival)
        head, tail = _split(body, json_bytes)
        parsed = _parse(head)
        inputs = self._inputs(parsed.inputs, tail)
        timeout = parsed.parameters.get("timeout") if parsed.parameters else None
        return Request(
            parsed.id,
            inputs,
            self._wanted(parsed),
            parsed.parameters,
            len(body),
            None if timeout is None else _seconds(timeout),
            arrival,
        )

    def encode(self, request: Request, response: Response) -> Encoded:
        """Return the body that answers `request`."""
        outputs: list[_OutputReply] = []
        tensors: list[bytes] = []
        for wanted in request.outputs:
            array = response.outputs[wanted.name]
            spec = self._outputs[wanted.name]
            datatype = spec.datatype
            if wanted.classes:
                array = classify(array, spec, wanted.classes, self._model.classes)
                datatype = Datatype.BYTES
            output = _OutputReply(wanted.name, datatype, array.shape)
            if wanted.is_binary:
                tensors.append(binary_tensors.write(array))
                output.parameters = {"binary_data_size": len(tensors[-1])}
            else:
                output.data = json_tensors.write(array)
            outputs.append(output)
        reply = _Reply(self._model.name, self._model.version, request.id, outputs)
        head = _write(reply)
        if not tensors:
            return Encoded(head, None)
        return Encoded(b"".join((head, *tensors)), len(head))

    def _inputs(self, given: list[_Input], tail: memoryview) -> dict[str, Array]:
        arrays: dict[str, Array] = {}
        position = 0
        for item in given:
            name = item.name
            datatype, shape = self._rules.check(name, item.datatype, item.shape, arrays)
            size_bytes = item.parameters.get("binary_data_size") if item.parameters else None
            text = bytes(item.data)
            if size_bytes is None:
                if not text:
                    raise RequestError(
                        name, "`data`, or the parameter `binary_data_size`", "neither"
                    )
                arrays[name] = json_tensors.read(f"{name}.data", text, datatype, shape)
                continue
            if text:
                raise RequestError(name, "either `data` or `binary_data_size`", "both")
            chunk = _take(name, tail, position, size_bytes)
            position += len(chunk)
            arrays[name] = binary_tensors.read(name, chunk, datatype, shape)
        if position != len(tail):
            raise RequestError(
                "body", f"{position} bytes of tensors after the JSON", f"{len(tail)} bytes"
            )
        self._rules.check_together(arrays)
        return arrays

    def _wanted(self, parsed: _Body) -> tuple[Wanted, ...]:
        is_binary = parsed.parameters.get("binary_data_output", False) is True
        if not parsed.outputs:
            wanted = self._default[is_binary]
        else:
            self._check_names([item.name for item in parsed.outputs])
            wanted = tuple(self._one_wanted(item, is_binary) for item in parsed.outputs)
        for one in wanted:
            if not one.is_binary and not one.classes:
                json_tensors.check_writable(one.name, self._outputs[one.name].datatype)
        return wanted

    def _one_wanted(self, item: _Output, is_binary: bool) -> Wanted:
        parameters = item.parameters
        if not parameters:
            return Wanted(item.name, is_binary)
        classes = parameters.get("classification")
        return Wanted(
            item.name,
            parameters.get("binary_data", is_binary) is True,
            0 if classes is None else classes_wanted(classes, self._outputs[item.name]),
        )

    def _check_names(self, asked: list[str]) -> None:
        for name in asked:
            if name not in self._outputs:
                raise RequestError(
                    "outputs",
                    f"some of {names(self._signature.outputs)}",
                    f"an output named {name[:80]!r}",
                )
        if len(set(asked)) != len(asked):
            raise RequestError("outputs", "every output at most once", ", ".join(asked)[:200])

    def _decode_raw(self, body: bytes, arrival: Arrival) -> Request:
        """Read a body that is nothing but the bytes of the only input."""
        name, datatype, shape = self._rules.raw_shape(len(body))
        if datatype is Datatype.BYTES:  # sent without its length in front
            body = len(body).to_bytes(4, "little") + body
        array = binary_tensors.read(name, memoryview(body), datatype, shape)
        return Request("", {name: array}, self._default[True], {}, len(body), None, arrival)


def describe(model: ServedModel) -> Mapping[str, Any]:
    """Return the metadata of a model as the protocol writes it."""
    signature: Signature = model.runner.signature
    told: dict[str, Any] = {
        "name": model.name,
        "versions": [model.version],
        "platform": model.platform,
        "inputs": [_tensor(spec.name, spec.datatype, spec.open_shape) for spec in signature.inputs],
        "outputs": [
            _tensor(spec.name, spec.datatype, spec.open_shape) for spec in signature.outputs
        ],
    }
    if model.parameters:
        told["parameters"] = dict(model.parameters)
    return told


def _tensor(name: str, datatype: Datatype, shape: tuple[int, ...]) -> dict[str, Any]:
    return {"name": name, "datatype": datatype.value, "shape": list(shape)}


def _split(body: bytes, json_bytes: int | None) -> tuple[bytes, memoryview]:
    if json_bytes is None:
        return body, memoryview(b"")
    if not 0 < json_bytes <= len(body):
        raise RequestError(
            "Inference-Header-Content-Length",
            f"a length from 0 to the {len(body)} bytes of the body",
            str(json_bytes),
        )
    return body[:json_bytes], memoryview(body)[json_bytes:]


def _parse(head: bytes) -> _Body:
    try:
        return _DECODER.decode(head)
    except msgspec.ValidationError as error:
        text, _, path = str(error).partition(" - at ")
        expected, _, got = text.removeprefix("Expected ").partition(", got ")
        where = path.strip("`").removeprefix("$").removeprefix(".") or "body"
        if got:
            raise RequestError(where, expected, got) from error
        raise RequestError(where, "an inference request", text) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        if b"NaN" in head or b"Infinity" in head:
            return _parse_special(head, error)
        raise RequestError("body", "JSON", str(error)) from error
    except RecursionError as error:
        raise RequestError("body", "at most 100 nested levels", "more") from error


def _parse_special(head: bytes, error: Exception) -> _Body:
    """Parse what would be JSON but for bare NaN or Infinity among the data."""
    try:
        loose = json.loads(head)
        for item in loose["inputs"]:
            if "data" in item:
                item["data"] = Raw(json.dumps(item["data"]).encode())
        return msgspec.convert(loose, _Body)
    except (ValueError, KeyError, TypeError, RecursionError, msgspec.ValidationError):
        raise RequestError("body", "JSON", str(error)) from error


def _take(name: str, tail: memoryview, position: int, size_bytes: object) -> memoryview:
    if not isinstance(size_bytes, int) or isinstance(size_bytes, bool) or size_bytes < 0:
        raise RequestError(
            f"{name}.parameters.binary_data_size", "a number of bytes", f"{size_bytes!r}"[:80]
        )
    if position + size_bytes > len(tail):
        raise RequestError(
            name,
            f"{size_bytes} bytes of binary data",
            f"{len(tail) - position} bytes",
            "Inference-Header-Content-Length is the length of the JSON alone.",
        )
    return tail[position : position + size_bytes]


def _seconds(timeout: object) -> float:
    if not isinstance(timeout, int) or isinstance(timeout, bool) or timeout < 0:
        raise RequestError(
            "parameters.timeout", "a whole number of microseconds", f"{timeout!r}"[:80]
        )
    return timeout / 1e6


def _write(reply: _Reply) -> bytes:
    text = _ENCODER.encode(reply)
    # NaN and Infinity have no place in JSON: msgspec writes null, clients of this protocol
    # expect them bare; looking for the word costs nothing next to asking numpy about each array
    if b"null" in text:
        return json.dumps(msgspec.to_builtins(reply), separators=(",", ":")).encode()
    return text
