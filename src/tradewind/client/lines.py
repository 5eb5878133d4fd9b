"""What carries messages: HTTP or gRPC, waiting or asynchronous."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final
from urllib.parse import urlsplit

from tradewind.client.asking import Received, Sent
from tradewind.client.errors import Unanswered
from tradewind.errors import SettingError

_BUSY_HTTP = (429, 503)
_BUSY_GRPC = ("UNAVAILABLE", "RESOURCE_EXHAUSTED")
_SCHEMES = ("http", "https", "grpc", "grpcs")


@final
@dataclass(frozen=True)
class Address:
    """Where a server is, and how it is spoken to."""

    scheme: str
    host: str  # with the port
    path: str = ""  # in front of the paths of the protocol, behind a proxy
    ca: Path | None = None  # authorities in PEM; those of the system when there is none

    @classmethod
    def parse(cls, url: str, ca: Path | None = None) -> "Address":
        """Read a URL such as http://127.0.0.1:8000 or grpc://127.0.0.1:8001.

        Raises:
            SettingError: it is none.
        """
        parts = urlsplit(url if "://" in url else f"http://{url}")
        if parts.scheme not in _SCHEMES or not parts.netloc:
            raise SettingError("url", " or ".join(f"{one}://HOST:PORT" for one in _SCHEMES), url)
        return cls(parts.scheme, parts.netloc, parts.path.rstrip("/"), ca)

    @property
    def is_grpc(self) -> bool:
        """Whether it is spoken to over gRPC."""
        return self.scheme.startswith("grpc")

    @property
    def url(self) -> str:
        """What the address was read from."""
        return f"{self.scheme}://{self.host}{self.path}"


class Line(ABC):
    """Carries one message after the other, from any thread."""

    @abstractmethod
    def send(self, sent: Sent, headers: Mapping[str, str], timeout_s: float | None) -> Received:
        """Return what comes back.

        Raises:
            Unanswered: nothing does.
        """

    @abstractmethod
    def close(self) -> None:
        """Hang up."""


class AsyncLine(ABC):
    """Carries messages within one event loop."""

    @abstractmethod
    async def send(
        self, sent: Sent, headers: Mapping[str, str], timeout_s: float | None
    ) -> Received:
        """Return what comes back.

        Raises:
            Unanswered: nothing does.
        """

    @abstractmethod
    async def close(self) -> None:
        """Hang up."""


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
            raise _silent(self._url, error) from error
        return _read_http(answer)

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
            raise _silent(self._url, error) from error
        return _read_http(answer)

    async def close(self) -> None:
        await self._client.aclose()


_UNLIMITED = (("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1))


@final
class GrpcLine(Line):
    """gRPC over one connection."""

    def __init__(self, address: Address) -> None:
        grpc = _grpc()
        self._error: type[Exception] = grpc.RpcError
        self._url = address.url
        if address.scheme == "grpcs":
            credentials = grpc.ssl_channel_credentials(_authorities(address))
            self._channel = grpc.secure_channel(address.host, credentials, options=_UNLIMITED)
        else:
            self._channel = grpc.insecure_channel(address.host, options=_UNLIMITED)

    def send(self, sent: Sent, headers: Mapping[str, str], timeout_s: float | None) -> Received:
        try:
            body, _ = self._channel.unary_unary(sent.path).with_call(
                sent.body, timeout=timeout_s, metadata=tuple(headers.items())
            )
        except self._error as error:
            return _read_grpc(self._url, error, error.trailing_metadata())  # type: ignore[attr-defined]
        return Received(body, {})

    def close(self) -> None:
        self._channel.close()


@final
class AsyncGrpcLine(AsyncLine):
    """gRPC over one connection."""

    def __init__(self, address: Address) -> None:
        grpc = _grpc()
        from grpc import aio

        self._error: type[Exception] = aio.AioRpcError
        self._url = address.url
        if address.scheme == "grpcs":
            credentials = grpc.ssl_channel_credentials(_authorities(address))
            self._channel = aio.secure_channel(address.host, credentials, options=_UNLIMITED)
        else:
            self._channel = aio.insecure_channel(address.host, options=_UNLIMITED)

    async def send(
        self, sent: Sent, headers: Mapping[str, str], timeout_s: float | None
    ) -> Received:
        call = self._channel.unary_unary(sent.path)
        try:
            body = await call(sent.body, timeout=timeout_s, metadata=tuple(headers.items()))
        except self._error as error:
            return _read_grpc(self._url, error, error.trailing_metadata())  # type: ignore[attr-defined]
        return Received(body, {})

    async def close(self) -> None:
        await self._channel.close()


def _read_http(answer: Any) -> Received:
    headers = {name.lower(): value for name, value in answer.headers.items()}
    if answer.is_success:
        return Received(answer.content, headers)
    return Received(
        answer.content,
        headers,
        str(answer.status_code),
        _said(answer),
        answer.status_code in _BUSY_HTTP,
    )


def _said(answer: Any) -> str:
    """Return the error of the protocol, or what stands there instead."""
    try:
        told = answer.json()
    except ValueError:
        return str(answer.text)[:300]
    return str(told["error"] if isinstance(told, dict) and "error" in told else told)


def _read_grpc(url: str, error: Any, trailers: Any) -> Received:
    status = error.code().name
    headers = {str(name).lower(): str(value) for name, value in trailers or ()}
    if status == "UNAVAILABLE" and not headers:  # said by the library: nobody is there
        raise _silent(url, error.details()) from error
    return Received(b"", headers, status, error.details() or "", status in _BUSY_GRPC)


def _silent(url: str, error: object) -> Unanswered:
    name = type(error).__name__ if isinstance(error, Exception) else "no connection"
    return Unanswered(url, "an answer", f"{name}: {error}", "is the server there, and is it ready?")


def _verified(address: Address) -> Any:
    """Return how HTTP checks certificates: with those of the system, or with given ones."""
    if address.ca is None:
        return True
    import ssl

    try:
        return ssl.create_default_context(cafile=str(address.ca))
    except OSError as error:
        raise SettingError("ca", "certificates in PEM", f"{address.ca}: {error}") from error


def _authorities(address: Address) -> bytes | None:
    try:
        return None if address.ca is None else address.ca.read_bytes()
    except OSError as error:
        raise SettingError("ca", "certificates in PEM", f"{address.ca}: {error}") from error


def _grpc() -> Any:
    try:
        import grpc
    except ImportError as error:
        raise SettingError(
            "url", "grpcio for grpc://", "no such package", "pip install 'tradewind[grpc]'"
        ) from error
    return grpc
