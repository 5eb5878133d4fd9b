"""What can be read about one model, and the path that asks it."""

import re
from collections.abc import Callable

from tradewind.serve.catalog import Catalog, unknown_model
from tradewind.serve.endpoint import Endpoint
from tradewind.serve.wire.configuration import describe_configuration
from tradewind.serve.wire.metadata import describe
from tradewind.serve.wire.route import Inference, ModelPage, Page, Reply, Route, reply_json

_PATH = re.compile(
    r"/v2/models/(?P<name>.+?)(?:/versions/(?P<version>[^/]+))?"
    r"(?:/(?P<action>infer|infer_stream|ready|config|stats))?"
)


class ModelPages:
    """The paths under /v2/models/NAME.

    Args:
        catalog: where the models are.
        is_ready: returns whether the server takes requests.
    """

    def __init__(self, catalog: Catalog, is_ready: Callable[[], bool]) -> None:
        self._catalog = catalog
        self._is_ready = is_ready

    def find(self, path: str) -> Route | None:
        """Read `/v2/models/NAME[/versions/VERSION][/ACTION]`; a name may hold slashes."""
        found = _PATH.fullmatch(path)
        if found is None:
            return None
        name, version, action = found["name"], found["version"] or "", found["action"]
        if action == "infer":
            return Inference(name, version)
        if action == "infer_stream":
            return Inference(name, version, is_streaming=True)
        if action == "ready":
            return Page(lambda: self._readiness(name, version), name=name)
        if action == "stats":
            return Page(lambda: self._statistics(name, version), name=name)
        return ModelPage(name, version, _configuration if action == "config" else _metadata)

    def statistics(self) -> Reply:
        """Tell the counts of every model that is ready."""
        return _statistics(self._catalog.endpoints())

    def _readiness(self, name: str, version: str) -> Reply:
        """Say whether a model answers now; asking loads nothing."""
        is_ready = self._held(name, version) is not None and self._is_ready()
        return reply_json(200 if is_ready else 503, {"name": name, "ready": is_ready})

    def _statistics(self, name: str, version: str) -> Reply:
        """Tell the counts of a model, which are gone when it is unloaded; asking loads nothing."""
        found = self._held(name, version)
        return _statistics(() if found is None else (found,))

    def _held(self, name: str, version: str) -> Endpoint | None:
        """Return the endpoint where the model is loaded.

        Raises:
            Refusal: there is no such model.
        """
        found = self._catalog.ready(name, version)
        if found is None and not any(
            item.name == name and version in ("", item.version) for item in self._catalog.index()
        ):
            raise unknown_model(name, "the models of this server")
        return found


def _metadata(endpoint: Endpoint) -> Reply:
    return reply_json(200, describe(endpoint.model))


def _configuration(endpoint: Endpoint) -> Reply:
    return reply_json(200, describe_configuration(endpoint))


def _statistics(endpoints: tuple[Endpoint, ...]) -> Reply:
    return reply_json(200, {"model_stats": [one.metrics.statistics() for one in endpoints]})
