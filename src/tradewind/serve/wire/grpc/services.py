"""What can be called besides inference: the server, its models, its repository."""

import base64
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from tradewind.errors import RequestError
from tradewind.protocol import schema
from tradewind.serve.catalog import Catalog, State
from tradewind.serve.endpoint import Endpoint
from tradewind.serve.observing import statistics
from tradewind.serve.observing.metrics import ServerMetrics
from tradewind.serve.refusals import Reason, Refusal
from tradewind.serve.security import Gate, Right
from tradewind.serve.wire.configuration import describe_configuration
from tradewind.serve.wire.grpc.call import Call, Method, Parts
from tradewind.serve.wire.grpc.messages import Message, unpack
from tradewind.serve.wire.metadata import describe

_MAX_BYTES = 2**28  # after unpacking; a model to load may come with the request


class About:
    """Methods that tell or change something.

    Args:
        catalog: where the models are.
        gate: says who may do what.
        metrics: counts what is refused.
        is_ready: returns whether the server takes requests.
        server: the name, the version and the extensions of this server.
    """

    def __init__(
        self,
        catalog: Catalog,
        gate: Gate,
        metrics: ServerMetrics,
        is_ready: Callable[[], bool],
        server: Mapping[str, Any],
    ) -> None:
        self._catalog = catalog
        self._gate = gate
        self._metrics = metrics
        self._is_ready = is_ready
        self._server = dict(server)

    def methods(self) -> dict[str, Method]:
        """Return every method by its name."""
        return {
            "ServerLive": self._method("ServerLive", self._live, None),
            "ServerReady": self._method("ServerReady", self._ready, None),
            "ServerMetadata": self._method("ServerMetadata", self._about),
            "ModelReady": self._method("ModelReady", self._model_ready),
            "ModelMetadata": self._method("ModelMetadata", self._metadata),
            "ModelConfig": self._method("ModelConfig", self._configuration),
            "ModelStatistics": self._method("ModelStatistics", self._statistics),
            "RepositoryIndex": self._method("RepositoryIndex", self._index),
            "RepositoryModelLoad": self._method("RepositoryModelLoad", self._load, Right.MANAGE),
            "RepositoryModelUnload": self._method(
                "RepositoryModelUnload", self._unload, Right.MANAGE
            ),
        }

    def _method(self, name: str, tell: Any, right: Right | None = Right.READ) -> Method:
        async def answer(call: Call, message: Message) -> Parts:
            try:
                content = unpack(message, call.head.encoding, _MAX_BYTES)
                asked = schema.parse(f"inference.{name}Request", content)
                if right is not None:
                    self._gate.check(call.head.metadata, right, _model_of(asked), call.peer)
                return schema.write(f"inference.{name}Response", await tell(asked))
            except Refusal as refusal:
                self._metrics.refused_elsewhere[refusal.reason] += 1
                raise
            except RequestError:
                self._metrics.refused_elsewhere[Reason.INVALID] += 1
                raise

        return Method(answer=answer)

    async def _live(self, _: Any) -> dict[str, Any]:
        return {"live": True}

    async def _ready(self, _: Any) -> dict[str, Any]:
        return {"ready": self._is_ready()}

    async def _about(self, _: Any) -> dict[str, Any]:
        return self._server

    async def _model_ready(self, asked: Any) -> dict[str, Any]:
        found = self._catalog.ready(asked.name, asked.version)
        return {"ready": found is not None and self._is_ready()}

    async def _metadata(self, asked: Any) -> dict[str, Any]:
        told = dict(describe((await self._endpoint(asked)).model))
        properties = told.pop("parameters", {})
        return {**told, "properties": {key: str(value) for key, value in properties.items()}}

    async def _configuration(self, asked: Any) -> dict[str, Any]:
        told = describe_configuration(await self._endpoint(asked))
        versions = told.get("version_policy", {}).get("specific", {}).get("versions", ())
        if not all(str(version).isdecimal() for version in versions):
            told.pop("version_policy")  # the schema has numbers only
        return {"config": told}

    async def _statistics(self, asked: Any) -> dict[str, Any]:
        if asked.name:
            found: tuple[Endpoint, ...] = (await self._endpoint(asked),)
        else:
            found = self._catalog.endpoints()
        counted = [statistics(one.metrics.counts()) for one in found]
        return {"model_stats": msgspec.to_builtins(counted)}

    async def _index(self, asked: Any) -> dict[str, Any]:
        listed = self._catalog.index()
        return {
            "models": [
                {"name": one.name, "version": one.version, "state": one.state.value,
                 "reason": one.reason}
                for one in listed
                if one.state is State.READY or not asked.ready
            ]
        }  # fmt: skip

    async def _load(self, asked: Any) -> dict[str, Any]:
        await self._catalog.load(asked.model_name, _parameters(asked))
        return {}

    async def _unload(self, asked: Any) -> dict[str, Any]:
        await self._catalog.unload(asked.model_name)
        return {}

    async def _endpoint(self, asked: Any) -> Endpoint:
        found = self._catalog.ready(asked.name, asked.version)
        return found or await self._catalog.endpoint(asked.name, asked.version)


def _model_of(asked: Any) -> str:
    """Return the model that a request is about; empty where it is about the whole server."""
    for field in ("model_name", "name"):
        if field in asked.DESCRIPTOR.fields_by_name:
            return str(getattr(asked, field))
    return ""


def _parameters(asked: Any) -> dict[str, Any]:
    """Return the parameters as JSON would hold them."""
    found: dict[str, Any] = {}
    for name, choice in asked.parameters.items():
        kind = choice.WhichOneof("parameter_choice")
        if kind is not None:
            value = getattr(choice, kind)
            found[name] = base64.b64encode(value).decode() if kind == "bytes_param" else value
    return found
