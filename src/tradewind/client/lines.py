"""What carries messages, whatever it speaks."""

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Generator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import final
from urllib.parse import urlsplit

from tradewind.client.asking import Received, Sent
from tradewind.client.errors import Unanswered
from tradewind.errors import SettingError

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
    def stream(
        self, sent: Sent, headers: Mapping[str, str], timeout_s: float | None
    ) -> Generator[Received, None, None]:
        """Yield whatever comes back, as soon as it is there; what is no success is the last.

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
    def stream(
        self, sent: Sent, headers: Mapping[str, str], timeout_s: float | None
    ) -> AsyncGenerator[Received, None]:
        """Yield whatever comes back, as soon as it is there; what is no success is the last.

        Raises:
            Unanswered: nothing does.
        """

    @abstractmethod
    async def close(self) -> None:
        """Hang up."""


def silent(url: str, error: object) -> Unanswered:
    """Return the error of a server that did not answer."""
    name = type(error).__name__ if isinstance(error, Exception) else "no connection"
    return Unanswered(url, "an answer", f"{name}: {error}", "is the server there, and is it ready?")
