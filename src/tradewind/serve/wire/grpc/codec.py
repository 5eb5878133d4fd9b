"""Requests and responses of one model over gRPC."""

import math
from typing import Any

import numpy as np

from tradewind.errors import RequestError
from tradewind.protocol import binary_tensors, schema
from tradewind.protocol.infer_messages import (
    InferRequest,
    Input,
    Output,
    ResponseWriter,
    Told,
)
from tradewind.serve.classification import classes_wanted, classify
from tradewind.serve.endpoint import Endpoint
from tradewind.serve.messages import Arrival, Request, Response, Wanted
from tradewind.serve.refusals import Reason, Refusal
from tradewind.serve.wire.contents import Picture, contents_of
from tradewind.serve.wire.grpc.call import Parts
from tradewind.serve.wire.parsing import whole
from tradewind.tensors import Array, Datatype, names

_CONTENTS = {
    Datatype.BOOL: "bool_contents",
    Datatype.INT8: "int_contents",
    Datatype.INT16: "int_contents",
    Datatype.INT32: "int_contents",
    Datatype.INT64: "int64_contents",
    Datatype.UINT8: "uint_contents",
    Datatype.UINT16: "uint_contents",
    Datatype.UINT32: "uint_contents",
    Datatype.UINT64: "uint64_contents",
    Datatype.FP32: "fp32_contents",
    Datatype.FP64: "fp64_contents",
    Datatype.BYTES: "bytes_contents",
}
"""Where typed elements travel; FP16 and BF16 only as bytes."""

_LONG_BYTES = 1 << 14  # of strings or typed elements; more take a millisecond to read
_EMPTY_FINAL = "triton_enable_empty_final_response"


class Codec:
    """Translates for one model.

    Args:
        endpoint: whose rules requests must keep.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        model = endpoint.model
        self._classes = model.classes
        self._rules = endpoint.rules
        self._outputs = {spec.name: spec for spec in model.signature.outputs}
        self._all = tuple(Wanted(name, is_binary=True) for name in self._outputs)
        self._writer = ResponseWriter(model.name, model.version)
        contents = contents_of(model.runner)
        self._pictures = contents if isinstance(contents, Picture) else None

    def takes_long(self, sent: InferRequest) -> bool:
        """Say whether reading a request would hold up others: strings, pictures, typed elements."""
        return any(
            (item.datatype == "BYTES" and len(raw) > _LONG_BYTES)
            or (self._pictures is not None and item.datatype == "BYTES")
            for item, raw in zip(sent.inputs, sent.raw, strict=False)
        ) or any(
            item.contents is not None and len(item.contents) > _LONG_BYTES for item in sent.inputs
        )

    def decode(
        self, sent: InferRequest, size_bytes: int, timeout_s: float | None, arrival: Arrival
    ) -> Request:
        """Return the checked request.

        Args:
            sent: what was read.
            size_bytes: of the message.
            timeout_s: from the arrival to the deadline of the call.
            arrival: kept for whoever answers.

        Raises:
            RequestError: it does not fit the signature.
            Refusal: it asks for what is switched off.
        """
        parameters = sent.parameters
        priority = 0
        if parameters:
            priority = whole(parameters, "priority", 0)
            timeout = whole(parameters, "timeout", 0)  # microseconds; 0 is no wish
            if timeout:
                timeout_s = min(timeout / 1e6, timeout_s or math.inf)
        wanted = self._wanted(sent.outputs) if sent.outputs else self._all
        inputs = self._inputs(sent)
        return Request(
            sent.id, inputs, wanted, parameters, size_bytes, timeout_s, arrival, priority
        )

    def encode(self, request: Request, response: Response) -> Parts:
        """Return the message that answers `request`."""
        told: list[Told] = []
        for wanted in request.outputs:
            array = response.outputs[wanted.name]
            spec = self._outputs[wanted.name]
            datatype = spec.datatype
            if wanted.classes:
                array = classify(array, spec, wanted.classes, self._classes)
                datatype = Datatype.BYTES
            data = binary_tensors.write(array) if datatype is Datatype.BYTES else array
            told.append((wanted.name, datatype.value, data, array.shape))
        is_final = response.is_last
        if is_final is None and request.parameters and request.parameters.get(_EMPTY_FINAL) is True:
            is_final = True
        return self._writer.write(request.id, told, is_final=is_final)

    def _inputs(self, sent: InferRequest) -> dict[str, Array]:
        raw = sent.raw
        arrays: dict[str, Array] = {}
        if raw and len(raw) != len(sent.inputs):
            raise RequestError(
                "raw_input_contents",
                f"{len(sent.inputs)} of them, one for each input",
                f"{len(raw)}",
            )
        for index, item in enumerate(sent.inputs):
            name = item.name
            if item.parameters and "shared_memory_region" in item.parameters:
                raise _no_shared_memory(name)
            if raw and self._pictures is not None and item.datatype == "BYTES":
                arrays[name] = self._read_pictures(item, raw[index], arrays)
                continue
            datatype, shape = self._rules.check(name, item.datatype, item.shape, arrays)
            if raw:
                if item.contents is not None:
                    raise RequestError(name, "either raw_input_contents or contents", "both")
                arrays[name] = binary_tensors.read(name, raw[index], datatype, shape)
            else:
                arrays[name] = _read_typed(item, datatype, shape)
        self._rules.check_together(arrays)
        return arrays

    def _read_pictures(self, item: Input, raw: memoryview, seen: dict[str, Array]) -> Array:
        """Return the input that image files stand for."""
        assert self._pictures is not None
        if item.name != self._pictures.name:
            self._rules.check(item.name, item.datatype, item.shape, seen)
        if item.shape and item.shape[0] > self._rules.max_batch:  # before any of them is unpacked
            most = f"at most {self._rules.max_batch} image files"
            raise RequestError(f"{item.name}.shape", most, str(item.shape[0]))
        array = self._pictures.read_binary(item.name, raw, item.shape)
        self._rules.check(item.name, Datatype.of(array.dtype), list(array.shape), seen)
        return array

    def _wanted(self, outputs: list[Output]) -> tuple[Wanted, ...]:
        asked = [item.name for item in outputs]
        for name in asked:
            if name not in self._outputs:
                raise RequestError(
                    "outputs",
                    f"some of {names(tuple(self._outputs.values()))}",
                    f"an output named {name[:80]!r}",
                )
        if len(set(asked)) != len(asked):
            raise RequestError("outputs", "every output at most once", ", ".join(asked)[:200])
        return tuple(self._one_wanted(item) for item in outputs)

    def _one_wanted(self, item: Output) -> Wanted:
        if "shared_memory_region" in item.parameters:
            raise _no_shared_memory(item.name)
        classes = item.parameters.get("classification")
        if classes is None:
            return Wanted(item.name, is_binary=True)
        count = classes_wanted(classes, self._outputs[item.name])
        return Wanted(item.name, is_binary=True, classes=count)


def _read_typed(item: Input, datatype: Datatype, shape: tuple[int, ...]) -> Array:
    """Read elements that were sent one by one."""
    field = _CONTENTS.get(datatype)
    where = f"{item.name}.contents"
    if field is None:
        raise RequestError(where, f"{datatype.value} in raw_input_contents", "typed elements")
    contents = schema.parse("inference.InferTensorContents", item.contents or b"")
    others = [found.name for found, _ in contents.ListFields() if found.name != field]
    if others:
        raise RequestError(where, f"{field} for {datatype.value}", ", ".join(others))
    elements: Any = getattr(contents, field)
    count = int(np.prod(shape, dtype=np.int64))
    if len(elements) != count:
        raise RequestError(where, f"{count} elements for {list(shape)}", f"{len(elements)}")
    if datatype is Datatype.BYTES:
        return _strings(where, elements).reshape(shape)
    try:
        return np.array(elements, datatype.numpy).reshape(shape)
    except OverflowError as error:
        raise RequestError(
            where, f"numbers in the range of {datatype.value}", "one outside of it"
        ) from error


def _strings(where: str, elements: Any) -> Array:
    found = np.empty(len(elements), object)
    try:
        found[:] = [element.decode() for element in elements]
    except UnicodeDecodeError as error:
        raise RequestError(where, "strings in UTF-8", str(error)) from error
    return found


def _no_shared_memory(name: str) -> Refusal:
    return Refusal(
        Reason.UNSUPPORTED,
        name[:80],
        "a tensor in the message",
        "a region of shared memory",
        "shared memory is off on this server.",
    )
