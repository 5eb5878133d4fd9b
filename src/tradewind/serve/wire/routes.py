"""Which path means what."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, final
from urllib.parse import unquote

import msgspec
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from tradewind.serve.catalog import Catalog
from tradewind.serve.endpoint import Endpoint
from tradewind.serve.observing.metrics import ServerMetrics
from tradewind.serve.refusals import Reason, Refusal
from tradewind.serve.wire.inference import describe

_EXTENSIONS = ("binary_tensor_data",)
_OF_MODEL = re.compile(
    r"/v2/models/(?P<name>.+?)(?:/versions/(?P<version>[^/]+))?(?:/(?P<action>infer|ready))?"
)

_HINT = """Tradewind speaks the Open Inference Protocol.

GET  /v2                      this server
GET  /v2/models               the names of its models
GET  /v2/models/NAME          inputs and outputs of one model
POST /v2/models/NAME/infer    ask it
GET  /v2/health/live          is the process alive
GET  /v2/health/ready         does it take requests
GET  /metrics                 counts and times, for Prometheus
"""


@final
@dataclass(frozen=True)
class Reply:
    """One complete response."""

    status: int
    content_type: str
    body: bytes


@final
@dataclass(frozen=True)
class Page:
    """A path that is read."""

    show: Callable[[], Reply]
    verbs = ("GET", "HEAD")


@final
@dataclass(frozen=True)
class ModelPage:
    """A path that is read about one model, which is loaded for it."""

    name: str
    version: str
    show: Callable[[Endpoint], Reply]
    verbs = ("GET", "HEAD")


@final
@dataclass(frozen=True)
class Inference:
    """A path that answers."""

    name: str
    version: str
    verbs = ("POST",)


Route = Page | ModelPage | Inference


class Routes:
    """Every path of the server.

    Args:
        catalog: where the models are.
        metrics: shown under /metrics.
        is_ready: returns whether the server takes requests.
        version: of Tradewind.
    """

    def __init__(
        self,
        catalog: Catalog,
        metrics: ServerMetrics,
        is_ready: Callable[[], bool],
        version: str,
    ) -> None:
        self._catalog = catalog
        self._is_ready = is_ready
        about = {"name": "tradewind", "version": version, "extensions": _EXTENSIONS}
        self._exact: dict[str, Route] = {
            "/": Page(lambda: Reply(200, "text/plain; charset=utf-8", _HINT.encode())),
            "/v2": Page(lambda: reply_json(200, about)),
            "/v2/health/live": Page(lambda: self._health(is_live_enough=True)),
            "/v2/health/ready": Page(lambda: self._health(is_live_enough=is_ready())),
            "/v2/models": Page(self._names),
            "/metrics": Page(
                lambda: Reply(200, CONTENT_TYPE_LATEST, generate_latest(metrics.registry))
            ),
        }

    def find(self, path: str) -> Route:
        """Return what `path` means; whether there is such a model is for the catalog to say.

        Raises:
            Refusal: nothing.
        """
        route = None if "%" in path else self._exact.get(path) or self._of_model(path)
        if route is None:
            path = unquote(path).rstrip("/") or "/"
            route = self._exact.get(path) or self._of_model(path)
        if route is None:
            raise Refusal(
                Reason.NOT_FOUND,
                path[:200],
                "a path of this server",
                "another",
                "GET / lists them.",
            )
        return route

    def _of_model(self, path: str) -> Route | None:
        """Read `/v2/models/NAME[/versions/VERSION][/ACTION]`; a name may hold slashes."""
        found = _OF_MODEL.fullmatch(path)
        if found is None:
            return None
        name, version, action = found["name"], found["version"] or "", found["action"]
        if action == "infer":
            return Inference(name, version)
        if action == "ready":
            return ModelPage(name, version, self._readiness)
        return ModelPage(name, version, lambda model: reply_json(200, describe(model.model)))

    def _names(self) -> Reply:
        return reply_json(200, {"models": list({item.name: 1 for item in self._catalog.index()})})

    def _readiness(self, endpoint: Endpoint) -> Reply:
        is_ready = self._is_ready()
        told = {"name": endpoint.model.name, "ready": is_ready}
        return reply_json(200 if is_ready else 503, told)

    def _health(self, *, is_live_enough: bool) -> Reply:
        # the standard has one key for each path; clients exist that look for either
        told = {"live": True, "ready": self._is_ready()}
        return reply_json(200 if is_live_enough else 503, told)


def reply_json(status: int, told: Any) -> Reply:
    """Return a reply that holds `told` as JSON."""
    return Reply(status, "application/json", msgspec.json.encode(told))
