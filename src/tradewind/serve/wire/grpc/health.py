"""grpc.health.v1: what load balancers ask."""

import asyncio
from collections.abc import Callable

from tradewind.protocol import schema
from tradewind.serve.catalog import Catalog
from tradewind.serve.wire.grpc.call import Call, Method, Parts
from tradewind.serve.wire.grpc.messages import Message, unpack
from tradewind.serve.wire.grpc.status import Code, Status

_LOOK_S = 0.5
_MAX_BYTES = 2**16


class Health:
    """Says whether the server, one of its services or a model takes requests.

    Args:
        catalog: where the models are.
        is_ready: returns whether the server takes requests.
        services: the full names of its services.
    """

    def __init__(
        self, catalog: Catalog, is_ready: Callable[[], bool], services: tuple[str, ...]
    ) -> None:
        self._catalog = catalog
        self._is_ready = is_ready
        self._services = ("", *services)

    def methods(self) -> dict[str, Method]:
        """Return every method by its name."""
        return {"Check": Method(answer=self._check), "Watch": Method(converse=self._watch)}

    async def _check(self, call: Call, message: Message) -> Parts:
        name = _asked(call, message)
        status = self._status(name)
        if status is None:
            told = f"service: expected a service or a model of this server, got {name[:80]!r}."
            raise Status(Code.NOT_FOUND, told)
        return _told(status)

    async def _watch(self, call: Call) -> None:
        """Tell the status, and every change of it, until the client goes."""
        message = await call.receive()
        if message is None:
            raise Status(Code.INVALID_ARGUMENT, "expected the name of a service, got nothing.")
        name = _asked(call, message)
        call.line.release(message.held_bytes)
        last = ""
        while not call.is_closed:
            status = self._status(name) or "SERVICE_UNKNOWN"
            if status != last:
                await call.send(_told(status))
                last = status
            await asyncio.sleep(_LOOK_S)

    def _status(self, name: str) -> str | None:
        if name in self._services:
            return "SERVING" if self._is_ready() else "NOT_SERVING"
        if self._catalog.ready(name) is not None:
            return "SERVING" if self._is_ready() else "NOT_SERVING"
        if any(one.name == name for one in self._catalog.index()):
            return "NOT_SERVING"
        return None


def _asked(call: Call, message: Message) -> str:
    content = unpack(message, call.head.encoding, _MAX_BYTES)
    return str(schema.parse("grpc.health.v1.HealthCheckRequest", content).service)


def _told(status: str) -> Parts:
    return schema.write("grpc.health.v1.HealthCheckResponse", {"status": status})
