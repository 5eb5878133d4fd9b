"""Which path means what."""

from collections.abc import Callable
from urllib.parse import unquote

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from tradewind.serve.catalog import Catalog
from tradewind.serve.observing.metrics import ServerMetrics
from tradewind.serve.refusals import Reason, Refusal
from tradewind.serve.wire.model_pages import ModelPages
from tradewind.serve.wire.openapi import describe_server
from tradewind.serve.wire.repository import Repository
from tradewind.serve.wire.route import Inference, Page, Reply, Route, reply_json
from tradewind.serve.wire.shared_memory import refuse_shared_memory
from tradewind.serve.wire.trying import page_to_try

_MOST_ASKED = 1024

EXTENSIONS = (
    "binary_tensor_data",
    "classification",
    "model_configuration",
    "model_repository",
    "schedule_policy",
    "sequence",
    "statistics",
)
"""Those of the protocol that work here."""

SHARED_EXTENSIONS = tuple(one for one in EXTENSIONS if one != "sequence")
"""Those that work where several processes share a port: a sequence is remembered by one."""

_HINT = """Tradewind speaks the Open Inference Protocol.

GET  /v2                            this server
GET  /v2/models                     the names of its models
GET  /v2/models/NAME                inputs and outputs of one model
GET  /v2/models/NAME/config         its configuration, as Triton writes it
GET  /v2/models/NAME/ready          does it take requests
GET  /v2/models/NAME/stats          counts and times, as Triton tells them
POST /v2/models/NAME/infer          ask it
POST /v2/models/NAME/infer_stream   ask it, and get each answer as soon as it is there
GET  /v2/health/live                is the process alive
GET  /v2/health/ready               does it take requests
POST /v2/repository/index           every model, ready or not
POST /v2/repository/models/NAME/load, /unload
GET  /metrics                       counts and times, for Prometheus
GET  /openapi.json                  all of this, typed for each model
GET  /docs                          a page to try the models

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
        extensions: of the protocol, that work.
    """

    def __init__(
        self,
        catalog: Catalog,
        metrics: ServerMetrics,
        is_ready: Callable[[], bool],
        name: str,
        version: str,
        extensions: tuple[str, ...] = EXTENSIONS,
    ) -> None:
        self._catalog = catalog
        self._is_ready = is_ready
        self._asked: dict[str, Route] = {}  # the paths that models were asked under lately
        self._pages = ModelPages(catalog, is_ready)
        self._repository = Repository(catalog)
        about = {"name": name, "version": version, "extensions": extensions}
        self._exact: dict[str, Route] = {
            "/": Page(lambda: Reply(200, "text/plain; charset=utf-8", _HINT.encode()), None),
            "/v2": Page(lambda: reply_json(200, about)),
            "/v2/health/live": Page(lambda: self._health(is_live_enough=True), None),
            "/v2/health/ready": Page(lambda: self._health(is_live_enough=is_ready()), None),
            "/v2/models": Page(self._names),
            "/v2/models/stats": Page(self._pages.statistics),
            "/openapi.json": Page(lambda: self._openapi(name, version)),
            "/docs": Page(page_to_try, None),
            "/metrics": Page(
                lambda: Reply(200, CONTENT_TYPE_LATEST, generate_latest(metrics.registry))
            ),
        }

    def find(self, path: str) -> Route:
        """Return what `path` means; whether there is such a model is for the catalog to say.

        Raises:
            Refusal: nothing, or what is switched off.
        """
        route = self._asked.get(path)
        if route is not None:
            return route
        route = None if "%" in path else self._exact.get(path) or self._pages.find(path)
        if isinstance(route, Inference):
            if len(self._asked) >= _MOST_ASKED:
                self._asked.clear()
            self._asked[path] = route
        if route is None:
            path = unquote(path).rstrip("/") or "/"
            route = self._exact.get(path) or self._pages.find(path) or self._repository.find(path)
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

    def _names(self) -> Reply:
        return reply_json(200, {"models": list({item.name: 1 for item in self._catalog.index()})})

    def _openapi(self, name: str, version: str) -> Reply:
        return reply_json(200, describe_server(name, version, self._catalog.endpoints()))

    def _health(self, *, is_live_enough: bool) -> Reply:
        # the standard has one key for each path; clients exist that look for either
        told = {"live": True, "ready": self._is_ready()}
        return reply_json(200 if is_live_enough else 503, told)
