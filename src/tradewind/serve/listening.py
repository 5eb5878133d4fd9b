"""One port with what listens there, exchanged while it is in use."""

import asyncio
import contextlib
import logging

from granian.constants import HTTPModes
from granian.http import HTTP1Settings
from granian.server.embed import Server as Granian

from tradewind.errors import SettingError
from tradewind.serve.port import ClaimedPort, listens_here
from tradewind.serve.security import Certificates
from tradewind.serve.settings import Settings
from tradewind.serve.wire import App

_log = logging.getLogger("tradewind.serve")

_OVERLAP_S = 1.0  # in which both listen; the old one must not stop before the new one has begun
_QUIET_LOG = {"incremental": True, "formatters": {}, "handlers": {}, "loggers": {}}


class Listener:
    """Granian on one port.

    Granian reads certificates once. When they change, a second Granian begins to listen on the
    same port before the first one stops: the kernel gives new connections to either, requests
    that have begun are answered to their end, and connections between two requests are closed.

    Args:
        app: answers what comes in.
        port: claimed, so that others cannot take it.
        settings: limits of connections and of headers.
        certificates: for TLS; None for plain HTTP.
    """

    def __init__(
        self,
        app: App,
        port: ClaimedPort,
        settings: Settings,
        certificates: Certificates | None,
    ) -> None:
        self.app = app
        self._port = port
        self._settings = settings
        self._certificates = certificates
        self._watched = () if certificates is None else certificates.watched()
        self._current: tuple[Granian, asyncio.Task[None]] | None = None
        self._leaving: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        """Where clients find it."""
        plain = self._port.url
        return plain if self._certificates is None else plain.replace("http", "https", 1)

    async def start(self) -> None:
        """Listen.

        Raises:
            SettingError: the certificates are no good, or nothing answers on the port.
        """
        self._current = self._begin()
        await self._accepting(self._current[1])

    async def ended(self) -> None:
        """Wait until nobody listens any more."""
        while self._current is not None:
            listening = self._current[1]
            await asyncio.wait({listening})
            if listening is self._current[1]:
                return

    async def renew(self) -> None:
        """Listen with new certificates when theirs have changed, if they are good."""
        if not [one for one in self._watched if one.has_changed()]:  # asks each of them
            return
        try:
            fresh = self._begin()
        except (SettingError, OSError) as error:  # also when they change between two looks
            _log.warning("the certificate stays as it was: %s", error)
            return
        try:
            await asyncio.sleep(_OVERLAP_S)
        except asyncio.CancelledError:  # the server stops
            fresh[0].stop()  # type: ignore[no-untyped-call]
            raise
        if fresh[1].done():
            _log.error("nobody could listen with the new certificate: %r", fresh[1].exception())
            return
        before, self._current = self._current, fresh
        _log.info("listening with the new certificate at %s", self.url)
        if before is not None:
            before[0].stop()  # type: ignore[no-untyped-call]
            self._leaving.add(before[1])
            before[1].add_done_callback(self._leaving.discard)

    async def stop(self, patience_s: float) -> None:
        """Stop listening; connections that nothing came from are given up after a while."""
        if self._current is None:
            return
        granian, task = self._current
        granian.stop()  # type: ignore[no-untyped-call]
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(asyncio.gather(task, *self._leaving), patience_s)

    def _begin(self) -> tuple[Granian, "asyncio.Task[None]"]:
        if self._certificates is not None:
            self._certificates.context()
        granian = self._granian()
        return granian, asyncio.create_task(granian.serve())

    def _granian(self) -> Granian:
        settings, tls = self._settings, self._certificates
        return Granian(
            self.app,
            address=self._port.host,
            port=self._port.port,
            http=HTTPModes.http1,
            websockets=False,
            backlog=1024,
            backpressure=settings.max_connections,
            http1_settings=HTTP1Settings(
                header_read_timeout=max(1, int(settings.header_timeout_s * 1000))
            ),
            log_enabled=False,
            # its default would replace the handlers of the whole process
            log_dictconfig=_QUIET_LOG,
            ssl_cert=None if tls is None else tls.cert,
            ssl_key=None if tls is None else tls.key,
            ssl_ca=None if tls is None else tls.client_ca,
            ssl_client_verify=tls is not None and tls.client_ca is not None,
        )

    async def _accepting(self, listening: "asyncio.Task[None]") -> None:
        """Wait until the port accepts connections."""
        for _ in range(500):
            if listening.done():
                break
            if listens_here(self._port.port):
                return
            await asyncio.sleep(0.01)
        raise SettingError(
            "--http-port", "a port that accepts connections", f"silence on {self.url}"
        )
