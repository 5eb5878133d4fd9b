"""Which path means what."""

import re
from collections.abc import Callable
from urllib.parse import unquote

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from tradewind.serve.catalog import Catalog, unknown_model
from tradewind.serve.observing.metrics import ServerMetrics
from tradewind.serve.refusals import Reason, Refusal
from tradewind.serve.wire.configuration import describe_configuration
from tradewind.serve.wire.inference import describe
from tradewind.serve.wire.repository import Repository
from tradewind.serve.wire.route import Inference, ModelPage, Page, Reply, Route, reply_json
from tradewind.serve.wire.shared_memory import refuse_shared_memory

EXTENSIONS = ("binary_tensor_data", "model_configuration", "model_repository")
"""Those of the protocol that work here."""

_OF_MODEL = re.compile(
    r"/v2/models/(?P<name>.+?)(?:/versions/(?P<version>[^/]+))?(?:/(?P<action>infer|ready|config))?"
)

_HINT = """Tradewind speaks the Open Inference Protocol.

GET  /v2                            this server
GET  /v2/models                     the names of its models
GET  /v2/models/NAME                inputs and outputs of one model
GET  /v2/models/NAME/config         its configuration, as Triton writes it
GET  /v2/models/NAME/ready          does it take requests
POST /v2/models/NAME/infer          ask it
GET  /v2/health/live                is the process alive
GET  /v2/health/ready               does it take requests
POST /v2/repository/index           every model, ready or not
POST /v2/repository/models/NAME/load, /unload
GET  /metrics                       counts and times, for Prometheus

/versions/VERSION may follow NAME.
"""


class Routes:
    """Every path of the server.

    Args:
        catalog: where the models are.
        metrics: shown under /metrics.
        is_ready: returns whether the server takes requests.
        name: what the server calls itself.
        version: of Tradewind.
    """

    def __init__(
        self,
        catalog: Catalog,
        metrics: ServerMetrics,
        is_ready: Callable[[], bool],
        name: str,
        version: str,
    ) -> None:
        self._catalog = catalog
        self._is_ready = is_ready
        self._repository = Repository(catalog)
        about = {"name": name, "version": version, "extensions": EXTENSIONS}
        self._exact: dict[str, Route] = {
            "/": Page(lambda: Reply(200, "text/plain; charset=utf-8", _HINT.encode()), None),
            "/v2": Page(lambda: reply_json(200, about)),
            "/v2/health/live": Page(lambda: self._health(is_live_enough=True), None),
            "/v2/health/ready": Page(lambda: self._health(is_live_enough=is_ready()), None),
            "/v2/models": Page(self._names),
            "/metrics": Page(
                lambda: Reply(200, CONTENT_TYPE_LATEST, generate_latest(metrics.registry))
            ),
        }

    def find(self, path: str) -> Route:
        """Return what `path` means; whether there is such a model is for the catalog to say.

        Raises:
            Refusal: nothing, or what is switched off.
        """
        route = None if "%" in path else self._exact.get(path) or self._of_model(path)
        if route is None:
            path = unquote(path).rstrip("/") or "/"
            route = self._exact.get(path) or self._of_model(path) or self._repository.find(path)
        if route is None:
            refuse_shared_memory(path)
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
            return Page(lambda: self._readiness(name, version), name=name)
        if action == "config":
            return ModelPage(
                name, version, lambda one: reply_json(200, describe_configuration(one))
            )
        return ModelPage(name, version, lambda one: reply_json(200, describe(one.model)))

    def _names(self) -> Reply:
        return reply_json(200, {"models": list({item.name: 1 for item in self._catalog.index()})})

    def _readiness(self, name: str, version: str) -> Reply:
        """Say whether a model answers now; asking loads nothing."""
        is_held = self._catalog.ready(name, version) is not None
        if not is_held and not self._is_known(name, version):
            raise unknown_model(name, "the models of this server")
        is_ready = is_held and self._is_ready()
        return reply_json(200 if is_ready else 503, {"name": name, "ready": is_ready})

    def _is_known(self, name: str, version: str) -> bool:
        return any(
            item.name == name and version in ("", item.version) for item in self._catalog.index()
        )

    def _health(self, *, is_live_enough: bool) -> Reply:
        # the standard has one key for each path; clients exist that look for either
        told = {"live": True, "ready": self._is_ready()}
        return reply_json(200 if is_live_enough else 503, told)
