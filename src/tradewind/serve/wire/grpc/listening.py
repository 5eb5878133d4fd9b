"""The port of gRPC, from the first connection to the last."""

import asyncio
import logging
import ssl
import time

from tradewind.errors import SettingError
from tradewind.serve.port import ClaimedPort
from tradewind.serve.security import Certificates
from tradewind.serve.wire.grpc.connection import Connection
from tradewind.serve.wire.grpc.site import Site

_log = logging.getLogger("tradewind.serve")

_LOOK_S = 1.0


class GrpcListener:
    """Listens on one port, with the same steps as the listener of HTTP.

    Args:
        site: what is answered there.
        port: claimed, so that others cannot take it.
        certificates: for TLS; None without it.
    """

    def __init__(self, site: Site, port: ClaimedPort, certificates: Certificates | None) -> None:
        self.app = site
        self._port = port
        self._certificates = certificates
        self._watched = () if certificates is None else certificates.watched()
        self._server: asyncio.Server | None = None
        self._looking: asyncio.Task[None] | None = None
        self._over = asyncio.Event()

    @property
    def url(self) -> str:
        """Where clients find it."""
        plain = self._port.url
        return plain.replace("http", "grpc" if self._certificates is None else "grpcs", 1)

    async def start(self) -> None:
        """Listen.

        Raises:
            SettingError: the certificates are no good, or the port cannot be listened on.
        """
        try:
            self._server = await self._listen()
        except OSError as error:
            raise SettingError(
                "--grpc-port", "a port that can be listened on", f"{self.url}: {error}"
            ) from error
        self._looking = asyncio.create_task(self._look())

    async def ended(self) -> None:
        """Wait until nobody listens any more."""
        await self._over.wait()

    async def renew(self) -> None:
        """Listen with new certificates when theirs have changed, if they are good."""
        if not [one for one in self._watched if one.has_changed()]:  # asks each of them
            return
        try:
            fresh = await self._listen()
        except (SettingError, OSError) as error:
            _log.warning("the certificate of gRPC stays as it was: %s", error)
            return
        if self._server is not None:
            self._server.close()  # connections stay
        self._server = fresh

    async def stop(self, patience_s: float) -> None:
        """Stop listening, and say goodbye to every connection."""
        if self._looking is not None:
            self._looking.cancel()
        if self._server is not None:
            self._server.close()
        self.app.close()
        limit_s = time.perf_counter() + patience_s
        while self.app.is_visited and time.perf_counter() < limit_s:
            await asyncio.sleep(0.005)
        self._over.set()

    async def _listen(self) -> asyncio.Server:
        context: ssl.SSLContext | None = None
        if self._certificates is not None:
            context = self._certificates.context()
            context.set_alpn_protocols(["h2"])
        return await asyncio.get_running_loop().create_server(
            lambda: Connection(self.app),
            self._port.host,
            self._port.port,
            backlog=1024,
            reuse_port=True,
            ssl=context,
        )

    async def _look(self) -> None:
        """Give up on what takes too long to arrive, for as long as the port is open."""
        while True:
            await asyncio.sleep(_LOOK_S)
            self.app.expire(time.perf_counter())
