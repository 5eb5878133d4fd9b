"""What is fed with any bytes: each either takes them, or refuses them as it should."""

import asyncio
import json
import math
from collections.abc import Callable
from typing import Any, final

import numpy as np
from msgspec import msgpack
from msgspec.structs import replace
from tests.protocol.test_infer_messages import as_read
from tests.serve.wire.grpc import lines as grpc
from tests.serve.wire.http.lines import Line

from tradewind.data import Preprocessing
from tradewind.errors import RequestError
from tradewind.protocol import schema
from tradewind.protocol.infer_messages import InferRequest, read_request
from tradewind.runners import Preprocessed, Runner
from tradewind.serve import ServedModel
from tradewind.serve.endpoint import Endpoint
from tradewind.serve.messages import Arrival, Request, Response
from tradewind.serve.observing import ModelMetrics
from tradewind.serve.refusals import Refusal
from tradewind.serve.shapes import InputRules
from tradewind.serve.wire.grpc.call import Call, Method
from tradewind.serve.wire.grpc.codec import Codec
from tradewind.serve.wire.inference import Wire
from tradewind.serve.wire.packing import accepted
from tradewind.serve.wire.repository import parse_wish
from tradewind.tensors import Array, Datatype, Signature, Tensors, TensorSpec

Target = Callable[[bytes], None]

_SPECS = [TensorSpec(datatype.value.lower(), datatype, ("N", None)) for datatype in Datatype]
_SPECS.append(TensorSpec("fixed", Datatype.FP32, (2, 2)))


@final
class Silent(Runner):
    """A signature that never computes."""

    def __init__(self, *inputs: TensorSpec) -> None:
        self._signature = Signature(
            inputs, tuple(TensorSpec(f"out_{one.name}", one.datatype, one.shape) for one in inputs)
        )

    @property
    def signature(self) -> Signature:
        return self._signature

    def __call__(self, inputs: Tensors) -> dict[str, Array]:
        raise NotImplementedError

    def close(self) -> None:
        pass


async def _nobody() -> None:
    raise NotImplementedError


def _wire(runner: Runner) -> Wire:
    model = ServedModel("m", runner, "test")
    return Wire(model, InputRules(runner.signature, max_batch=100))


def _codec(*inputs: TensorSpec) -> Codec:
    model = ServedModel("m", Silent(*inputs), "test")
    rules = InputRules(model.signature, max_batch=100)
    return Codec(Endpoint(model, rules, _never, ModelMetrics(int, int)))


async def _never(request: Request) -> Response:
    raise NotImplementedError


_ARRIVAL = Arrival(0.0, _nobody)
_WIRES = {spec.name: _wire(Silent(spec)) for spec in _SPECS}
_CODECS = {spec.name: _codec(spec) for spec in _SPECS} | {"both": _codec(_SPECS[0], _SPECS[-2])}
_BOTH = _wire(Silent(_SPECS[0], _SPECS[-2]))
_PICTURE_SPEC = TensorSpec("x", Datatype.FP32, ("N", 3, 8, 6))
_PICTURE = _wire(Preprocessed(Silent(_PICTURE_SPEC), Preprocessing(), "x"))


def json_body(data: bytes) -> None:
    """A request of JSON alone; what is taken holds the numbers that Python reads in it."""
    request = _decode(_named(data), data, None)
    if request is None:
        return
    told = json.loads(data.decode(errors="replace"))  # fields that nobody knows are not looked at
    for item in told["inputs"]:
        array = request.inputs[item["name"]]
        assert array.shape == tuple(item["shape"])
        expected = _flat(item["data"])
        assert array.size == len(expected)
        assert _same(array, expected), (array, expected)


def binary_body(data: bytes) -> None:
    """Two bytes that tell the length of the JSON, then the JSON, then tensors."""
    body = data[2:]
    request = _decode(_named(body), body, int.from_bytes(data[:2], "little"))
    if request is not None:
        _answer(_named(body), request)


def raw_body(data: bytes) -> None:
    """One byte that picks the input, then its bytes and nothing else."""
    wire = list(_WIRES.values())[(data[0] if data else 0) % len(_WIRES)]
    request = _decode(wire, data[1:], 0)
    if request is not None:
        _answer(wire, request)


def picture_body(data: bytes) -> None:
    """One byte that picks the way of sending, then a picture or a request with pictures."""
    way, body = data[:1], data[1:]
    try:
        if way < b"\x40":
            _PICTURE.decode_contents(body, _ARRIVAL, None)
        elif way < b"\x80":
            _PICTURE.decode(body, None, _ARRIVAL)
        else:
            _PICTURE.decode(body[2:], int.from_bytes(body[:2], "little"), _ARRIVAL)
    except RequestError as error:
        _check(error)


def repository_body(data: bytes) -> None:
    """The body of loading, unloading and listing."""
    try:
        parse_wish(data)
    except RequestError as error:
        _check(error)


def grpc_message(data: bytes) -> None:
    """A ModelInferRequest; what is read is what the library of protobuf reads."""
    try:
        sent = read_request(data)
    except RequestError as error:
        _check(error)
        return
    try:
        expected = schema.parse("inference.ModelInferRequest", data)
    except RequestError:
        return  # it looks into fields that are passed over here
    size_bytes = expected.ByteSize()
    expected.DiscardUnknownFields()
    if expected.ByteSize() == size_bytes:  # else it may pass over the parameters that hold them
        assert _canonical(sent) == _canonical(as_read(expected)), (sent, as_read(expected))
    names = {item.name for item in sent.inputs}
    for name in names & _CODECS.keys() or {"both"}:
        _translate(_CODECS[name], sent, len(data))


def _canonical(sent: InferRequest) -> bytes:
    """Return its bytes, NaN among them, with contents as the library writes them."""
    inputs = []
    for item in sent.inputs:
        contents = item.contents
        if contents is not None:
            contents = schema.parse("inference.InferTensorContents", contents).SerializeToString()
        inputs.append(replace(item, contents=contents))
    return msgpack.encode(replace(sent, inputs=inputs), order="deterministic")


def _translate(codec: Codec, sent: InferRequest, size_bytes: int) -> None:
    try:
        request = codec.decode(sent, size_bytes, None, _ARRIVAL)
    except (RequestError, Refusal) as error:
        _check(error)
        return
    outputs = {f"out_{name}": array for name, array in request.inputs.items()}
    parts = codec.encode(request, Response(outputs, 0.0, 0.0))
    told = schema.parse("inference.ModelInferResponse", b"".join(parts))
    assert len(told.raw_output_contents) == len(told.outputs) == len(request.outputs)


def grpc_stream(data: bytes) -> None:
    """What a client of HTTP/2 writes after its greeting, in one piece or in many."""
    asyncio.run(_heard(data, len(data) or 1))
    asyncio.run(_heard(data, 7))


async def _heard(data: bytes, size: int) -> None:
    """Let bytes arrive; in the end nothing is held, and what was sent makes sense."""
    line = grpc.Line({"/a/Echo": Method(answer=grpc.echo), "/a/Stream": Method(converse=_repeat)})
    line.greet()
    for start in range(0, len(data), size):
        line.give(data[start : start + size])
        if start % 3 == 0:
            await grpc.settle()
    await grpc.settle()
    line.status(line.taken())  # every frame is whole, and the headers can be read
    line.connection.connection_lost(None)
    await grpc.settle()
    assert asyncio.all_tasks() == {asyncio.current_task()}
    assert (line.room.held_bytes, line.site.in_flight, line.site.open_calls) == (0, 0, 0)


async def _repeat(call: Call) -> None:
    while (message := await call.receive()) is not None:
        try:
            await call.send([bytes(message.content)])
        finally:
            call.line.release(message.held_bytes)


def accept_header(data: bytes) -> None:
    """The header Accept-Encoding."""
    assert accepted(data.decode("latin-1")) in (None, "gzip", "deflate")


def http_stream(data: bytes) -> None:
    """What a client writes; the answers are the same however it is cut on the way."""
    asyncio.run(_both_ways(data))


async def _both_ways(data: bytes) -> None:
    whole, cut = await _spoken(data, len(data) or 1), await _spoken(data, 7)
    assert whole == cut, (whole, cut)


async def _spoken(data: bytes, size: int) -> tuple[object, bool]:
    line = Line()
    for start in range(0, len(data), size):
        line.feed(data[start : start + size])
        if start % 3 == 0:
            await line.settle()
    await line.settle()
    line.connection.connection_lost(None)
    await line.settle()
    assert asyncio.all_tasks() == {asyncio.current_task()}
    # who has the body already need not say 100 Continue
    answers = [(status, body) for status, body in line.answers() if status != 100]
    return (answers, line.desk.seen), line.wire.is_closed


TARGETS: tuple[Target, ...] = (
    http_stream,
    json_body,
    binary_body,
    raw_body,
    picture_body,
    repository_body,
    accept_header,
    grpc_message,
    grpc_stream,
)


def _named(body: bytes) -> Wire:
    """Return the model that takes the input that a body speaks of."""
    for name, wire in _WIRES.items():
        if f'"{name}"'.encode() in body:
            return wire
    return _BOTH


def _decode(wire: Wire, body: bytes, json_bytes: int | None) -> Request | None:
    try:
        return wire.decode(body, json_bytes, _ARRIVAL)
    except RequestError as error:
        _check(error)
        return None


def _check(error: RequestError | Refusal) -> None:
    """Whoever reads a refusal needs no more than a few lines, whatever was sent."""
    text = str(error)
    assert len(text) < 2000, len(text)
    assert "Traceback" not in text


def _answer(wire: Wire, request: Request) -> None:
    outputs = {f"out_{name}": array for name, array in request.inputs.items()}
    encoded = wire.encode(request, Response(outputs, 0.0, 0.0))
    assert encoded.json_bytes is None or 0 < encoded.json_bytes <= len(encoded.body)


def _flat(data: Any) -> list[Any]:
    return [one for item in data for one in _flat(item)] if isinstance(data, list) else [data]


def _same(array: Array, expected: list[Any]) -> bool:
    found = array.ravel().tolist()
    if array.dtype == object or array.dtype == bool:
        return bool(found == expected)
    with np.errstate(over="ignore"):
        wanted = np.array(expected).astype(array.dtype).tolist() if expected else []
    return all(
        one == two or (math.isnan(one) and math.isnan(two))
        for one, two in zip(found, wanted, strict=True)
    )
