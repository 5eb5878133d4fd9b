"""The model_repository extension: what there is, loading and unloading it."""

import re
from functools import partial
from typing import Any

import msgspec
from msgspec import Struct

from tradewind.errors import RequestError
from tradewind.serve.catalog import Catalog, Listed, State
from tradewind.serve.security.principals import Right
from tradewind.serve.wire.route import Action, Reply, reply_json

_PATH = re.compile(
    r"/v2/repository/(?:(?P<index>index)|models/(?P<name>.+)/(?P<action>load|unload))"
)


class Wish(Struct, gc=False):
    """The body of every request here; it may also be empty."""

    ready: bool = False
    parameters: dict[str, Any] = {}


_DECODER = msgspec.json.Decoder(Wish)


class Repository:
    """The paths under /v2/repository.

    Args:
        catalog: where the models are.
    """

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    def find(self, path: str) -> Action | None:
        """Return what `path` means; None where it is no path of this extension."""
        found = _PATH.fullmatch(path)
        if found is None:
            return None
        if found["index"]:
            return Action(self._index)
        if found["action"] == "load":
            return Action(partial(self._load, found["name"]), Right.MANAGE, found["name"])
        return Action(partial(self._unload, found["name"]), Right.MANAGE, found["name"])

    async def _index(self, body: bytes) -> Reply:
        wish = parse_wish(body)
        listed = self._catalog.index()
        return reply_json(
            200, [_told(one) for one in listed if one.state is State.READY or not wish.ready]
        )

    async def _load(self, name: str, body: bytes) -> Reply:
        await self._catalog.load(name, parse_wish(body).parameters)
        return reply_json(200, {})

    async def _unload(self, name: str, body: bytes) -> Reply:
        parse_wish(body)  # `unload_dependents` changes nothing: no model depends on another
        await self._catalog.unload(name)
        return reply_json(200, {})


def _told(one: Listed) -> dict[str, str]:
    told = {"name": one.name, "state": one.state.value, "reason": one.reason}
    return {**told, "version": one.version} if one.version else told


def parse_wish(body: bytes) -> Wish:
    """Return what a body says; nothing where it is empty.

    Raises:
        RequestError: it is no JSON, or says something else.
    """
    if not body.strip():
        return Wish()
    try:
        return _DECODER.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise RequestError("body", 'JSON such as {} or {"parameters": {}}', str(error)) from error
