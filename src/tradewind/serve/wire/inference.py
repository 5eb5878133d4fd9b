"""Bytes to requests, responses to bytes: inference in the Open Inference Protocol over REST."""

import json
from typing import Any

import msgspec
from msgspec import Struct

from tradewind.errors import RequestError
from tradewind.protocol import binary_tensors
from tradewind.serve.classification import classes_wanted, classify
from tradewind.serve.messages import Arrival, Request, Response, Wanted
from tradewind.serve.served import ServedModel
from tradewind.serve.shapes import InputRules
from tradewind.serve.wire import json_tensors
from tradewind.serve.wire.contents import Picture, contents_of
from tradewind.serve.wire.parsing import (
    Body,
    BodyInput,
    BodyOutput,
    Parameters,
    flag,
    parse,
    split,
    take,
    whole,
)
from tradewind.tensors import Array, Datatype, TensorSpec, names


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


_TOLD = 5  # classes for whoever sends a file
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
        self._signature = model.signature
        self._rules = rules
        self.contents = contents_of(model.runner)
        self._pictures = self.contents if isinstance(self.contents, Picture) else None
        self._outputs = {spec.name: spec for spec in self._signature.outputs}
        self._default = {
            is_binary: tuple(Wanted(name, is_binary) for name in self._outputs)
            for is_binary in (False, True)
        }

    def decode(
        self,
        body: bytes,
        json_bytes: int | None,
        arrival: Arrival,
        timeout_s: float | None = None,
    ) -> Request:
        """Return the request that a body holds.

        Args:
            body: JSON, followed by the tensors that are sent as bytes.
            json_bytes: where the JSON ends; None when there is nothing else.
            arrival: kept for whoever answers.
            timeout_s: what the client is ready to wait; the request itself goes before.

        Raises:
            RequestError: the body is no JSON, or does not fit the signature.
        """
        if json_bytes == 0:
            return self._decode_raw(body, arrival, timeout_s)
        head, tail = split(body, json_bytes)
        parsed = parse(head)
        inputs = self._inputs(parsed.inputs, tail)
        parameters = parsed.parameters
        priority = 0
        if parameters:
            priority = whole(parameters, "priority", 0)
            timeout = whole(parameters, "timeout", 0)  # microseconds; 0 is no wish
            timeout_s = timeout / 1e6 if timeout else timeout_s
        return Request(
            parsed.id,
            inputs,
            self._wanted(parsed),
            parameters,
            len(body),
            timeout_s,
            arrival,
            priority,
        )

    def holds_pictures(self, body: bytes, text_bytes: int) -> bool:
        """Say whether a request may hold image files, which take long to unpack."""
        return self._pictures is not None and body.find(b"BYTES", 0, text_bytes) >= 0

    def decode_contents(self, body: bytes, arrival: Arrival, timeout_s: float | None) -> Request:
        """Return the request of a body that is the content of one file.

        The classes are told where they have names, in place of their scores.

        Raises:
            RequestError: the content is something else, or the model takes more than it.
        """
        assert self.contents is not None
        array = self.contents.read(body)
        name, datatype = self.contents.name, Datatype.of(array.dtype)
        self._rules.check(name, datatype, list(array.shape), {})
        inputs = {name: array}
        self._rules.check_together(inputs)
        wanted = tuple(self._told(spec) for spec in self._signature.outputs)
        self._check_writable(wanted)
        return Request("", inputs, wanted, {}, len(body), timeout_s, arrival)

    def _told(self, spec: TensorSpec) -> Wanted:
        names = len(self._model.classes)
        is_scores = len(spec.shape) == 2 and spec.has_free_batch and spec.shape[1] == names
        return Wanted(spec.name, False, min(names, _TOLD) if is_scores else 0)

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

    def _inputs(self, given: list[BodyInput], tail: memoryview) -> dict[str, Array]:
        arrays: dict[str, Array] = {}
        position = 0
        for item in given:
            name = item.name
            if self._pictures is not None and item.datatype == "BYTES":
                position += self._read_pictures(self._pictures, item, tail, position, arrays)
                continue
            datatype, shape = self._rules.check(name, item.datatype, item.shape, arrays)
            size_bytes = item.parameters.get("binary_data_size") if item.parameters else None
            text = bytes(item.data)
            if size_bytes is None:
                if not text:
                    raise _without_data(item)
                arrays[name] = json_tensors.read(f"{name}.data", text, datatype, shape)
                continue
            if text:
                raise RequestError(name, "either `data` or `binary_data_size`", "both")
            chunk = take(name, tail, position, size_bytes)
            position += len(chunk)
            arrays[name] = binary_tensors.read(name, chunk, datatype, shape)
        if position != len(tail):
            raise RequestError(
                "body", f"{position} bytes of tensors after the JSON", f"{len(tail)} bytes"
            )
        self._rules.check_together(arrays)
        return arrays

    def _read_pictures(
        self,
        pictures: Picture,
        item: BodyInput,
        tail: memoryview,
        position: int,
        arrays: dict[str, Array],
    ) -> int:
        """Read an input of image files; return how many bytes after the JSON it takes."""
        name, shape = item.name, item.shape
        if name != pictures.name:
            self._rules.check(name, item.datatype, shape, arrays)
        if shape and shape[0] > self._rules.max_batch:  # before any of them is unpacked
            most = f"at most {self._rules.max_batch} image files"
            raise RequestError(f"{name}.shape", most, str(shape[0]))
        size_bytes = item.parameters.get("binary_data_size")
        if size_bytes is None:
            array = pictures.read_json(name, bytes(item.data) or b"[]", shape)
        else:
            chunk = take(name, tail, position, size_bytes)
            array = pictures.read_binary(name, chunk, shape)
        self._rules.check(name, Datatype.of(array.dtype), list(array.shape), arrays)
        arrays[name] = array
        return size_bytes or 0

    def _wanted(self, parsed: Body) -> tuple[Wanted, ...]:
        parameters = parsed.parameters
        is_binary = bool(parameters) and flag("", parameters, "binary_data_output", False)
        if not parsed.outputs:
            wanted = self._default[is_binary]
        else:
            self._check_names([item.name for item in parsed.outputs])
            wanted = tuple(self._one_wanted(item, is_binary) for item in parsed.outputs)
        self._check_writable(wanted)
        return wanted

    def _check_writable(self, wanted: tuple[Wanted, ...]) -> None:
        for one in wanted:
            if not one.is_binary and not one.classes:
                json_tensors.check_writable(one.name, self._outputs[one.name].datatype)

    def _one_wanted(self, item: BodyOutput, is_binary: bool) -> Wanted:
        parameters = item.parameters
        if not parameters:
            return Wanted(item.name, is_binary)
        classes = 0
        if "classification" in parameters:
            classes = classes_wanted(parameters["classification"], self._outputs[item.name])
        return Wanted(
            item.name,
            flag(f"{item.name}.", parameters, "binary_data", is_binary),
            classes,
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

    def _decode_raw(self, body: bytes, arrival: Arrival, timeout_s: float | None) -> Request:
        """Read a body that is nothing but the bytes of the only input."""
        name, datatype, shape = self._rules.raw_shape(len(body))
        if datatype is Datatype.BYTES:  # sent without its length in front
            body = len(body).to_bytes(4, "little") + body
        array = binary_tensors.read(name, memoryview(body), datatype, shape)
        return Request("", {name: array}, self._default[True], {}, len(body), timeout_s, arrival)


def _without_data(item: BodyInput) -> RequestError:
    expected = "`data`, or the parameter `binary_data_size`"
    if "shared_memory_region" in item.parameters:
        return RequestError(
            item.name, expected, "a region of shared memory", "shared memory is off on this server."
        )
    return RequestError(item.name, expected, "neither")


def _write(reply: _Reply) -> bytes:
    text = _ENCODER.encode(reply)
    # NaN and Infinity have no place in JSON: msgspec writes null, clients of this protocol
    # expect them bare; looking for the word costs nothing next to asking numpy about each array
    if b"null" in text:
        return json.dumps(msgspec.to_builtins(reply), separators=(",", ":")).encode()
    return text
