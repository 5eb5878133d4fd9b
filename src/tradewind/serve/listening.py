"""The port of HTTP, from the first connection to the last."""

import asyncio
import asyncio.sslproto
import contextlib
import logging
import socket
import time

from tradewind.errors import SettingError
from tradewind.serve.port import ClaimedPort
from tradewind.serve.security import Certificates
from tradewind.serve.settings import Settings
from tradewind.serve.wire import App
from tradewind.serve.wire.http import Connection, Limits, Site

_log = logging.getLogger("tradewind.serve")

_BACKLOG = 4096
_AT_ONCE = 64  # connections accepted before others have their turn
_LOOK_S = 1.0
_HANDSHAKE_S = 10.0
_TLS_BUFFER_BYTES = 1 << 14


class Listener:
    """Accepts connections on one port, as long as there is room for them.

    When certificates change, new connections get the new ones at once; the others are closed
    between two requests.

    Args:
        app: answers what comes in.
        port: claimed, so that others cannot take it.
        settings: limits of connections.
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
        self._max_connections = settings.max_connections
        self._certificates = certificates
        self._watched = () if certificates is None else certificates.watched()
        self._context = None if certificates is None else certificates.context()
        if certificates is not None:
            # asyncio would hold 256 KiB for each connection, also for one that is idle
            asyncio.sslproto.SSLProtocol.max_size = _TLS_BUFFER_BYTES
        limits = Limits(settings.header_timeout_s, settings.read_timeout_s)
        self._site = Site(app, limits, self._accept_again)
        self._socket: socket.socket | None = None
        self._is_accepting = False
        self._welcoming: set[asyncio.Task[None]] = set()
        self._looking: asyncio.Task[None] | None = None
        self._over = asyncio.Event()

    @property
    def url(self) -> str:
        """Where clients find it."""
        plain = self._port.url
        return plain if self._certificates is None else plain.replace("http", "https", 1)

    async def start(self) -> None:
        """Listen.

        Raises:
            SettingError: the port cannot be listened on.
        """
        host, port = self._port.host, self._port.port
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listening = socket.socket(family, socket.SOCK_STREAM)
        try:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            listening.bind((host, port))
            listening.listen(_BACKLOG)
        except OSError as error:
            listening.close()
            raise SettingError(
                "--http-port", "a port that can be listened on", f"{self.url}: {error}"
            ) from error
        listening.setblocking(False)
        self._socket = listening
        self._accept_again()
        self._looking = asyncio.create_task(self._look())

    async def ended(self) -> None:
        """Wait until nobody listens any more."""
        await self._over.wait()

    async def renew(self) -> None:
        """Take new certificates when theirs have changed, if they are good."""
        if not [one for one in self._watched if one.has_changed()]:  # asks each of them
            return
        assert self._certificates is not None
        try:
            self._context = self._certificates.context()
        except (SettingError, OSError) as error:  # also when they change between two looks
            _log.warning("the certificate stays as it was: %s", error)
            return
        _log.info("listening with the new certificate at %s", self.url)
        self._site.retire()

    async def stop(self, patience_s: float) -> None:
        """Stop listening; connections that nothing came from are given up after a while."""
        if self._socket is None:
            return
        self._accept()  # who has connected already is told to go elsewhere
        self._pause_accepting()
        self._socket.close()
        self._socket = None
        limit_s = time.perf_counter() + patience_s
        while (self._site.guests or self._welcoming) and time.perf_counter() < limit_s:
            self._site.retire()
            await asyncio.sleep(0.005)
        if self._looking is not None:
            self._looking.cancel()
        for task in self._welcoming:
            task.cancel()
        self._site.abort()
        self._over.set()

    def _accept(self) -> None:
        """Let in who waits, unless that would be too many."""
        for _ in range(_AT_ONCE):
            if len(self._site.guests) + len(self._welcoming) >= self._max_connections:
                self._pause_accepting()
                return
            if self._socket is None:
                return
            try:
                found, _ = self._socket.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:  # no descriptors are left
                _log.warning("no connection can be accepted for now: %s", error)
                self._pause_accepting()
                asyncio.get_running_loop().call_later(_LOOK_S, self._accept_again)
                return
            found.setblocking(False)
            task = asyncio.create_task(self._welcome(found))
            self._welcoming.add(task)
            task.add_done_callback(self._welcoming.discard)

    async def _welcome(self, found: socket.socket) -> None:
        """Begin a connection."""
        context = self._context
        with contextlib.suppress(OSError):  # the handshake failed, or nobody is there any more
            await asyncio.get_running_loop().connect_accepted_socket(
                lambda: Connection(self._site),
                found,
                ssl=context,
                ssl_handshake_timeout=None if context is None else _HANDSHAKE_S,
            )
            return
        found.close()
        self._accept_again()

    def _pause_accepting(self) -> None:
        if self._is_accepting and self._socket is not None:
            self._is_accepting = False
            asyncio.get_running_loop().remove_reader(self._socket)

    def _accept_again(self) -> None:
        """Let in who waits, now that there may be room."""
        if not self._is_accepting and self._socket is not None:
            self._is_accepting = True
            asyncio.get_running_loop().add_reader(self._socket, self._accept)

    async def _look(self) -> None:
        """Give up on what takes too long to arrive, for as long as the port is open."""
        while True:
            await asyncio.sleep(_LOOK_S)
            self._site.look()
