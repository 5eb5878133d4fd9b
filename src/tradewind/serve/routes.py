"""Which path means what."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, final
from urllib.parse import unquote

import msgspec
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from tradewind.serve.endpoint import Endpoint
from tradewind.serve.metrics import ServerMetrics
from tradewind.serve.refusals import Reason, Refusal
from tradewind.serve.wire import describe

_EXTENSIONS = ("binary_tensor_data",)

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
class Inference:
    """A path that answers."""

    endpoint: Endpoint
    verbs = ("POST",)


Route = Page | Inference


class Routes:
    """Every path of the server.

    Args:
        endpoints: by the name of the model.
        metrics: shown under /metrics.
        is_ready: returns whether the server takes requests.
        version: of Tradewind.
    """

    def __init__(
        self,
        endpoints: Mapping[str, Endpoint],
        metrics: ServerMetrics,
        is_ready: Callable[[], bool],
        version: str,
    ) -> None:
        self._endpoints = endpoints
        self._is_ready = is_ready
        about = {"name": "tradewind", "version": version, "extensions": _EXTENSIONS}
        self._exact: dict[str, Route] = {
            "/": Page(lambda: Reply(200, "text/plain; charset=utf-8", _HINT.encode())),
            "/v2": Page(lambda: reply_json(200, about)),
            "/v2/health/live": Page(lambda: self._health(is_live_enough=True)),
            "/v2/health/ready": Page(lambda: self._health(is_live_enough=is_ready())),
            "/v2/models": Page(lambda: reply_json(200, {"models": list(endpoints)})),
            "/metrics": Page(
                lambda: Reply(200, CONTENT_TYPE_LATEST, generate_latest(metrics.registry))
            ),
        }
        for name, endpoint in endpoints.items():
            for prefix in (
                f"/v2/models/{name}",
                f"/v2/models/{name}/versions/{endpoint.model.version}",
            ):
                self._exact |= self._of_model(prefix, endpoint)

    def find(self, path: str) -> Route:
        """Return what `path` means.

        Raises:
            Refusal: nothing.
        """
        route = self._exact.get(path)
        if route is None:
            route = self._exact.get(unquote(path).rstrip("/") or "/")
        if route is None:
            raise self._unknown(unquote(path))
        return route

    def _of_model(self, prefix: str, endpoint: Endpoint) -> dict[str, Route]:
        model = endpoint.model
        return {
            prefix: Page(lambda: reply_json(200, describe(model))),
            f"{prefix}/ready": Page(
                lambda: reply_json(
                    200 if self._is_ready() else 503,
                    {"name": model.name, "ready": self._is_ready()},
                )
            ),
            f"{prefix}/infer": Inference(endpoint),
        }

    def _health(self, *, is_live_enough: bool) -> Reply:
        # the standard has one key for each path; clients exist that look for either
        told = {"live": True, "ready": self._is_ready()}
        return reply_json(200 if is_live_enough else 503, told)

    def _unknown(self, path: str) -> Refusal:
        prefix = "/v2/models/"
        name = path.removeprefix(prefix).split("/")[0][:80]
        if path.startswith(prefix) and name not in self._endpoints:
            return Refusal(
                Reason.UNKNOWN_MODEL,
                f"Request for unknown model: '{name}'",
                f"one of {', '.join(self._endpoints)}",
                f"'{name}'",
                "GET /v2/models lists the names.",
            )
        return Refusal(
            Reason.NOT_FOUND, path[:200], "a path of this server", "another", "GET / lists them."
        )


def reply_json(status: int, told: Any) -> Reply:
    """Return a reply that holds `told` as JSON."""
    return Reply(status, "application/json", msgspec.json.encode(told))
