"""Server-sent events, read line by line (WHATWG HTML, section 9.2)."""

from typing import final

import msgspec

from tradewind.client.asking import Received


@final
class Events:
    """Collects the lines of one event after the other."""

    def __init__(self) -> None:
        self._name = ""
        self._data: list[str] = []

    def take(self, line: str) -> Received | None:
        """Take a line without its end; return an answer where one is complete with it."""
        if line:
            field, _, value = line.partition(":")
            value = value.removeprefix(" ")
            if field == "event":
                self._name = value
            elif field == "data":
                self._data.append(value)
            return None
        name, self._name = self._name, ""
        body, self._data = "\n".join(self._data), []
        if not body:
            return None
        if name == "error":
            return Received(b"", {}, "error", _message(body))
        return Received(body.encode(), {})


def _message(body: str) -> str:
    try:
        return str(msgspec.json.decode(body)["error"])
    except (msgspec.DecodeError, KeyError, TypeError):
        return body[:300]
