"""Asking a server for answers in numpy arrays, within an event loop."""

import asyncio
import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, final

from tradewind.client.asker import Asker
from tradewind.client.asking import Received, Scalar, Sent
from tradewind.client.grpc_lines import AsyncGrpcLine
from tradewind.client.http_lines import AsyncHttpLine
from tradewind.client.lines import Address, AsyncLine
from tradewind.client.retrying import Retries
from tradewind.client.steps import AsyncSteps
from tradewind.tensors import Array

_PATIENT = Retries()


@final
class AsyncClient(Asker):
    """Asks one server within one event loop; every method is that of `Client`.

    >>> async with tradewind.AsyncClient("grpc://127.0.0.1:8001") as client:
    ...     answer = await client.infer("model", {"x": array})

    Args:
        url: such as `http://127.0.0.1:8000`, `https://…`, `grpc://127.0.0.1:8001`, `grpcs://…`.
        token: sent with everything, when it is given.
        retries: what happens when the server says when to come back.
        timeout_s: for one answer, tries and waits included.
        ca: authorities in PEM that a server's certificate may be of; those of the system if none.
        line: what carries messages; made from the URL.
    """

    def __init__(
        self,
        url: str,
        *,
        token: str = "",
        retries: Retries = _PATIENT,
        timeout_s: float = 60.0,
        ca: Path | None = None,
        line: AsyncLine | None = None,
    ) -> None:
        address = Address.parse(url, ca)
        super().__init__(address, token, retries, timeout_s)
        self._line = line or (AsyncGrpcLine(address) if address.is_grpc else AsyncHttpLine(address))

    async def infer(
        self,
        model: str,
        inputs: Mapping[str, Array] | Array,
        *,
        outputs: Sequence[str] = (),
        version: str = "",
        parameters: Mapping[str, Scalar] | None = None,
        request_id: str = "",
        timeout_s: float | None = None,
    ) -> dict[str, Array]:
        """Return what a model answers, by the names of its outputs; as `Client.infer` does."""
        limit_s = self._limit(timeout_s)
        if not isinstance(inputs, Mapping):
            inputs = {await self._input_of(model, version): inputs}
        question = self._question(model, inputs, outputs, version, parameters, request_id)
        tried = 0
        while True:
            tried += 1
            received = await self._once(self._sent(question, limit_s), limit_s)
            pause_s = self._pause_s(received, tried, limit_s)
            if pause_s is None:
                return self._language.read_answer(self._checked(model, received))
            await asyncio.sleep(pause_s)

    async def stream(
        self,
        model: str,
        inputs: Mapping[str, Array] | Array,
        *,
        outputs: Sequence[str] = (),
        version: str = "",
        parameters: Mapping[str, Scalar] | None = None,
        request_id: str = "",
        timeout_s: float | None = None,
    ) -> AsyncGenerator[dict[str, Array], None]:
        """Yield each answer of a model that gives several; as `Client.stream` does."""
        limit_s = self._limit(timeout_s)
        if not isinstance(inputs, Mapping):
            inputs = {await self._input_of(model, version): inputs}
        question = self._question(model, inputs, outputs, version, parameters, request_id)
        tried, pause_s = 0, None
        while tried == 0 or pause_s is not None:
            await asyncio.sleep(pause_s or 0.0)
            tried, pause_s = tried + 1, None
            sent = self._sent(question, limit_s, is_streamed=True)
            left_s = max(0.001, limit_s - time.perf_counter())
            is_first = True
            async with aclosing(self._line.stream(sent, self._headers, left_s)) as pieces:
                async for received in pieces:
                    pause_s = self._pause_s(received, tried, limit_s) if is_first else None
                    if pause_s is not None:
                        break
                    is_first = False
                    yield self._language.read_answer(self._checked(model, received))

    def sequence(self, model: str, version: str = "") -> AsyncSteps:
        """Begin a sequence of requests to a model that remembers; it ends with the block."""
        return AsyncSteps(
            partial(self.infer, model, version=version),
            partial(self.stream, model, version=version),
        )

    async def is_ready(self, model: str = "", version: str = "") -> bool:
        """Say whether the server, or one of its models, takes requests."""
        sent = self._language.is_ready(model, version)
        return self._language.read_ready(await self._once(sent, self._limit(None)))

    async def metadata(self, model: str, version: str = "") -> dict[str, Any]:
        """Return the inputs and outputs of a model, as the protocol tells them."""
        received = await self._once(self._language.metadata(model, version), self._limit(None))
        return self._language.read_metadata(self._checked(model, received))

    async def models(self) -> list[dict[str, Any]]:
        """Return name, version and state of every model of the server."""
        received = await self._once(self._language.index(), self._limit(None))
        return self._language.read_index(self._checked("models", received))

    async def load(self, model: str, **parameters: Scalar) -> None:
        """Have the server load a model, or load it again."""
        sent = self._language.manage(model, "load", parameters)
        self._checked(model, await self._once(sent, self._limit(None)))

    async def unload(self, model: str) -> None:
        """Have the server stop answering for a model."""
        sent = self._language.manage(model, "unload", {})
        self._checked(model, await self._once(sent, self._limit(None)))

    async def close(self) -> None:
        """Hang up."""
        await self._line.close()

    async def __aenter__(self) -> "AsyncClient":
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    async def _once(self, sent: Sent, limit_s: float) -> Received:
        left_s = max(0.001, limit_s - time.perf_counter())
        return await self._line.send(sent, self._headers, left_s)

    async def _input_of(self, model: str, version: str) -> str:
        known = self._only_inputs.get(f"{model}/{version}")
        return known or self._only_input(model, version, await self.metadata(model, version))
