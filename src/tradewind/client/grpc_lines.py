"""Messages over gRPC, waiting or asynchronous."""

from collections.abc import AsyncGenerator, Generator, Mapping
from typing import Any, final

from tradewind.client.asking import Received, Sent
from tradewind.client.lines import Address, AsyncLine, Line, silent
from tradewind.errors import SettingError
from tradewind.protocol import schema

_BUSY = ("UNAVAILABLE", "RESOURCE_EXHAUSTED")
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

    def stream(
        self, sent: Sent, headers: Mapping[str, str], timeout_s: float | None
    ) -> Generator[Received, None, None]:
        call = self._channel.stream_stream(sent.path)(
            iter([sent.body]), timeout=timeout_s, metadata=tuple(headers.items())
        )
        try:
            for message in call:
                yield _read_streamed(message)
        except self._error as error:
            yield _read_grpc(self._url, error, error.trailing_metadata())  # type: ignore[attr-defined]
        finally:
            call.cancel()

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

    async def stream(
        self, sent: Sent, headers: Mapping[str, str], timeout_s: float | None
    ) -> AsyncGenerator[Received, None]:
        call = self._channel.stream_stream(sent.path)(
            iter([sent.body]), timeout=timeout_s, metadata=tuple(headers.items())
        )
        try:
            async for message in call:
                yield _read_streamed(message)
        except self._error as error:
            yield _read_grpc(self._url, error, error.trailing_metadata())  # type: ignore[attr-defined]
        finally:
            call.cancel()

    async def close(self) -> None:
        await self._channel.close()


def _read_streamed(message: bytes) -> Received:
    answer = schema.parse("inference.ModelStreamInferResponse", message)
    if answer.error_message:
        return Received(b"", {}, "error", answer.error_message)
    return Received(answer.infer_response.SerializeToString(), {})


def _read_grpc(url: str, error: Any, trailers: Any) -> Received:
    status = error.code().name
    headers = {str(name).lower(): str(value) for name, value in trailers or ()}
    if status == "UNAVAILABLE" and not headers:  # said by the library: nobody is there
        raise silent(url, error.details()) from error
    return Received(b"", headers, status, error.details() or "", status in _BUSY)


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
