"""Messages over HTTP, waiting or asynchronous."""

from collections.abc import AsyncGenerator, Generator, Mapping
from typing import Any, final

from tradewind.client.asking import Received, Sent
from tradewind.client.events import Events
from tradewind.client.lines import Address, AsyncLine, Line, silent
from tradewind.errors import SettingError

_BUSY = (429, 503)


@final
class HttpLine(Line):
    """HTTP over connections that are kept open."""

    def __init__(self, address: Address) -> None:
        import httpx2

        self._errors = (httpx2.TransportError, OSError)
        self._url = address.url
        self._client = httpx2.Client(verify=_verified(address))

    def send(self, sent: Sent, headers: Mapping[str, str], timeout_s: float | None) -> Received:
        verb, _, path = sent.path.partition(" ")
        try:
            answer = self._client.request(
                verb,
                self._url + path,
                content=sent.body,
                headers={**headers, **sent.headers},
                timeout=timeout_s,
            )
        except self._errors as error:
            raise silent(self._url, error) from error
        return _read_http(answer)

    def stream(
        self, sent: Sent, headers: Mapping[str, str], timeout_s: float | None
    ) -> Generator[Received, None, None]:
        verb, _, path = sent.path.partition(" ")
        told = {**headers, **sent.headers}
        try:
            with self._client.stream(
                verb, self._url + path, content=sent.body, headers=told, timeout=timeout_s
            ) as answer:
                if not answer.is_success:
                    answer.read()
                    yield _read_http(answer)
                    return
                events = Events()
                for line in answer.iter_lines():
                    received = events.take(line)
                    if received is not None:
                        yield received
        except self._errors as error:
            raise silent(self._url, error) from error

    def close(self) -> None:
        self._client.close()


@final
class AsyncHttpLine(AsyncLine):
    """HTTP over connections that are kept open."""

    def __init__(self, address: Address) -> None:
        import httpx2

        self._errors = (httpx2.TransportError, OSError)
        self._url = address.url
        self._client = httpx2.AsyncClient(verify=_verified(address))

    async def send(
        self, sent: Sent, headers: Mapping[str, str], timeout_s: float | None
    ) -> Received:
        verb, _, path = sent.path.partition(" ")
        try:
            answer = await self._client.request(
                verb,
                self._url + path,
                content=sent.body,
                headers={**headers, **sent.headers},
                timeout=timeout_s,
            )
        except self._errors as error:
            raise silent(self._url, error) from error
        return _read_http(answer)

    async def stream(
        self, sent: Sent, headers: Mapping[str, str], timeout_s: float | None
    ) -> AsyncGenerator[Received, None]:
        verb, _, path = sent.path.partition(" ")
        told = {**headers, **sent.headers}
        try:
            async with self._client.stream(
                verb, self._url + path, content=sent.body, headers=told, timeout=timeout_s
            ) as answer:
                if not answer.is_success:
                    await answer.aread()
                    yield _read_http(answer)
                    return
                events = Events()
                async for line in answer.aiter_lines():
                    received = events.take(line)
                    if received is not None:
                        yield received
        except self._errors as error:
            raise silent(self._url, error) from error

    async def close(self) -> None:
        await self._client.aclose()


def _read_http(answer: Any) -> Received:
    headers = {name.lower(): value for name, value in answer.headers.items()}
    if answer.is_success:
        return Received(answer.content, headers)
    return Received(
        answer.content,
        headers,
        str(answer.status_code),
        _said(answer),
        answer.status_code in _BUSY,
    )


def _said(answer: Any) -> str:
    """Return the error of the protocol, or what stands there instead."""
    try:
        told = answer.json()
    except ValueError:
        return str(answer.text)[:300]
    return str(told["error"] if isinstance(told, dict) and "error" in told else told)


def _verified(address: Address) -> Any:
    """Return how HTTP checks certificates: with those of the system, or with given ones."""
    if address.ca is None:
        return True
    import ssl

    try:
        return ssl.create_default_context(cafile=str(address.ca))
    except OSError as error:
        raise SettingError("ca", "certificates in PEM", f"{address.ca}: {error}") from error
