"""One inference over REST: body in, body out."""

import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from functools import partial
from weakref import WeakKeyDictionary

from tradewind.errors import RequestError
from tradewind.serve.batching.threads import Threads
from tradewind.serve.endpoint import Endpoint
from tradewind.serve.messages import Arrival, Request, Response
from tradewind.serve.observing import HEADER, server_timing
from tradewind.serve.wire.inference import Encoded, Wire
from tradewind.serve.wire.packing import WORTH_BYTES, accepted, pack
from tradewind.serve.wire.visit import Headers

_JSON: Headers = (("content-type", "application/json"),)
_VARIES = ("vary", "accept-encoding")
_LONG_BYTES = 1 << 17  # of JSON; takes about a millisecond to decode or to encode
_LONG_ELEMENTS = 1 << 13


class Exchange:
    """Decodes, asks, encodes.

    Args:
        translators: threads for long bodies, apart from those that compute.
        tells_timing: whether responses say where their time went.
    """

    def __init__(self, translators: Threads, *, tells_timing: bool = False) -> None:
        self._translators = translators
        self._tells_timing = tells_timing
        self._wires: WeakKeyDictionary[Endpoint, Wire] = WeakKeyDictionary()

    async def infer(
        self, endpoint: Endpoint, headers: Mapping[str, str], body: bytes, arrival: Arrival
    ) -> tuple[Headers, bytes]:
        """Return the headers with the body of the response.

        Raises:
            RequestError: the body does not fit the model.
            Refusal: it was not admitted, or not in time.
            EngineError: the model broke.
        """
        wire = self._wire(endpoint)
        began_s = time.perf_counter()
        request = await self._understand(wire, headers, body, arrival)
        understood_s = time.perf_counter()
        response = await endpoint.answer(request)
        answered_s = time.perf_counter()
        encoded = await self._encode(wire, request, response)
        encode_s = time.perf_counter() - answered_s
        endpoint.metrics.count_translation(understood_s - began_s, encode_s)
        told = _headers(encoded)
        if self._tells_timing:
            spent = (understood_s, response.queue_s, response.compute_s, answered_s)
            told = (*told, (HEADER, server_timing(arrival.at_s, *spent)))
        if len(encoded.body) < WORTH_BYTES:
            return told, encoded.body
        encoding = accepted(headers.get("accept-encoding"))
        if encoding is None:
            return (*told, _VARIES), encoded.body
        packed = await self._translators.run(partial(pack, encoded.body, encoding))
        return (*told, ("content-encoding", encoding), _VARIES), packed

    async def stream(
        self, endpoint: Endpoint, headers: Mapping[str, str], body: bytes, arrival: Arrival
    ) -> AsyncGenerator[bytes, None]:
        """Yield each answer to one request, as JSON, as soon as it is there.

        Raises:
            RequestError: the body does not fit the model, or asks for bytes.
            Refusal: it was not admitted, or not in time.
            EngineError: the model broke.
        """
        wire = self._wire(endpoint)
        began_s = time.perf_counter()
        request = await self._understand(wire, headers, body, arrival)
        for wanted in request.outputs:
            if wanted.is_binary:
                hint = "events are text; ask /infer, or ask over gRPC."
                raise RequestError(f"outputs.{wanted.name}", "an output as JSON", "bytes", hint)
        decode_s, encode_s = time.perf_counter() - began_s, 0.0
        async with aclosing(endpoint.stream(request)) as responses:
            async for response in responses:
                answered_s = time.perf_counter()
                encoded = await self._encode(wire, request, response)
                encode_s += time.perf_counter() - answered_s
                yield encoded.body
        endpoint.metrics.count_translation(decode_s, encode_s)

    def _wire(self, endpoint: Endpoint) -> Wire:
        wire = self._wires.get(endpoint)
        if wire is None:
            wire = self._wires[endpoint] = Wire(endpoint.model, endpoint.rules)
        return wire

    async def _encode(self, wire: Wire, request: Request, response: Response) -> Encoded:
        if any(array.size > _LONG_ELEMENTS for array in response.outputs.values()):
            return await self._translators.run(partial(wire.encode, request, response))
        return wire.encode(request, response)

    async def _understand(
        self, wire: Wire, headers: Mapping[str, str], body: bytes, arrival: Arrival
    ) -> Request:
        try:
            return await self._decode(wire, headers, body, arrival)
        except RequestError as error:
            clearer = None if wire.contents else _no_file(headers.get("content-type"))
            if clearer is None:
                raise
            raise clearer from error

    async def _decode(
        self, wire: Wire, headers: Mapping[str, str], body: bytes, arrival: Arrival
    ) -> Request:
        json_bytes = _json_bytes(headers.get("inference-header-content-length"))
        timeout_s = _seconds(headers.get("x-request-timeout-ms"))
        contents = wire.contents
        if contents is not None and contents.fits(headers.get("content-type"), body):
            read = partial(wire.decode_contents, body, arrival, timeout_s)
            return await self._translators.run(read)
        text_bytes = len(body) if json_bytes is None else json_bytes
        if text_bytes > _LONG_BYTES or wire.holds_pictures(body, text_bytes):
            decode = partial(wire.decode, body, json_bytes, arrival, timeout_s)
            return await self._translators.run(decode)
        return wire.decode(body, json_bytes, arrival, timeout_s)


def _no_file(content_type: str | None) -> RequestError | None:
    """Return what is wrong where somebody posts a file to a model that reads none."""
    if not (content_type or "").startswith(("image/", "audio/")):
        return None
    return RequestError(
        "Content-Type",
        "a request as JSON",
        f"{content_type}"[:80],
        "this model takes tensors only: its bundle does not say how files become one.",
    )


def _headers(encoded: Encoded) -> Headers:
    if encoded.json_bytes is None:
        return _JSON
    return (
        ("content-type", "application/octet-stream"),
        ("inference-header-content-length", str(encoded.json_bytes)),
    )


def _seconds(header: str | None) -> float | None:
    """Return what a client is ready to wait; 0 is the protocol's "no wish"."""
    if header is None:
        return None
    if not (header.isascii() and header.isdigit()):
        raise RequestError("X-Request-Timeout-Ms", "whole milliseconds", header[:40])
    return int(header[:12]) / 1e3 or None


def _json_bytes(header: str | None) -> int | None:
    if header is None:
        return None
    if not (header.isascii() and header.isdigit() and len(header) < 19):
        raise RequestError("Inference-Header-Content-Length", "a number of bytes", header[:40])
    return int(header)
