"""Inference for one model: body in, body out."""

import time
from functools import partial

from tradewind.errors import RequestError
from tradewind.serve.admission import Admission
from tradewind.serve.messages import Arrival
from tradewind.serve.metrics import ModelMetrics
from tradewind.serve.rsgi import Headers, RequestHeaders
from tradewind.serve.served import ServedModel
from tradewind.serve.threads import Threads
from tradewind.serve.wire import Wire

_JSON: Headers = [("content-type", "application/json")]
_LONG_BYTES = 1 << 17  # of JSON; takes about a millisecond to decode or to encode
_LONG_ELEMENTS = 1 << 13


class Endpoint:
    """Decodes, admits, encodes: the way of one request to one model.

    Args:
        model: what is served.
        wire: translates for this model.
        admission: the first answer in the chain.
        translators: threads for long bodies, apart from those that compute.
    """

    def __init__(
        self, model: ServedModel, wire: Wire, admission: Admission, translators: Threads
    ) -> None:
        self.model = model
        self.metrics = ModelMetrics(
            lambda: admission.running, lambda: admission.waiting, lambda: model.runner.answered
        )
        self._wire = wire
        self._answer = admission
        self._translators = translators

    async def infer(
        self, headers: RequestHeaders, body: bytes, arrival: Arrival
    ) -> tuple[Headers, bytes]:
        """Return the headers with the body of the response.

        Raises:
            RequestError: the body does not fit the model.
            Refusal: it was not admitted, or not in time.
            EngineError: the model broke.
        """
        json_bytes = _json_bytes(headers.get("inference-header-content-length"))
        wire = self._wire
        text_bytes = len(body) if json_bytes is None else json_bytes
        if text_bytes > _LONG_BYTES:
            decode = partial(wire.decode, body, json_bytes, arrival)
            request = await self._translators.run(decode)
        else:
            request = wire.decode(body, json_bytes, arrival)
        response = await self._answer(request)
        if any(array.size > _LONG_ELEMENTS for array in response.outputs.values()):
            encoded = await self._translators.run(partial(wire.encode, request, response))
        else:
            encoded = wire.encode(request, response)
        self.metrics.count_answer(
            response.queue_s, response.compute_s, time.perf_counter() - arrival.at_s
        )
        if encoded.json_bytes is None:
            return _JSON, encoded.body
        return [
            ("content-type", "application/octet-stream"),
            ("inference-header-content-length", str(encoded.json_bytes)),
        ], encoded.body


def _json_bytes(header: str | None) -> int | None:
    if header is None:
        return None
    if not (header.isascii() and header.isdigit()):
        raise RequestError("Inference-Header-Content-Length", "a number of bytes", header[:40])
    return int(header)
