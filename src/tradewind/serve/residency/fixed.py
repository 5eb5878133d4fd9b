"""The models that were named when the server started."""

from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

from tradewind.serve.catalog import Catalog, Listed, State, unknown_model
from tradewind.serve.endpoint import Endpoint
from tradewind.serve.refusals import Reason, Refusal


class FixedCatalog(Catalog):
    """Answers for the same models from the beginning to the end.

    Args:
        endpoints: with different names.
    """

    def __init__(self, endpoints: Sequence[Endpoint]) -> None:
        self._endpoints = {endpoint.model.name: endpoint for endpoint in endpoints}

    def ready(self, name: str, version: str = "") -> Endpoint | None:
        endpoint = self._endpoints.get(name)
        if endpoint is None or version not in ("", endpoint.model.version):
            return None
        return endpoint

    async def endpoint(self, name: str, version: str = "") -> Endpoint:
        if name not in self._endpoints:
            raise unknown_model(name, ", ".join(self._endpoints))
        endpoint = self.ready(name, version)
        if endpoint is None:
            known = self._endpoints[name].model.version
            raise Refusal(Reason.UNKNOWN_MODEL, f"model {name}", f"version {known}", version[:40])
        return endpoint

    def index(self) -> tuple[Listed, ...]:
        return tuple(
            Listed(endpoint.model.name, endpoint.model.version, State.READY)
            for endpoint in self._endpoints.values()
        )

    async def load(self, name: str, parameters: Mapping[str, Any]) -> None:
        self._refuse(name)

    async def unload(self, name: str) -> None:
        self._refuse(name)

    def endpoints(self) -> tuple[Endpoint, ...]:
        return tuple(self._endpoints.values())

    async def close(self) -> None:
        """Do nothing: the runners belong to whoever made them."""

    def _refuse(self, name: str) -> NoReturn:
        if name not in self._endpoints:
            raise unknown_model(name, ", ".join(self._endpoints))
        raise Refusal(
            Reason.NOT_MANAGED,
            f"model {name}",
            "a server that loads models while it runs",
            "one whose models were named at its start",
            "start it with --model-dir.",
        )
