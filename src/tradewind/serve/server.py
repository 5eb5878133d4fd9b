"""The life of a server: claim the port, warm up, answer, drain, stop."""

import asyncio
import contextlib
import logging
import signal
import time
from collections.abc import Callable, Sequence

from granian.constants import HTTPModes
from granian.http import HTTP1Settings
from granian.server.embed import Server as Granian

from tradewind import __version__
from tradewind.errors import SettingError
from tradewind.serve.assembling import Assembler
from tradewind.serve.batching import Threads
from tradewind.serve.leaving import await_end_of_others, leave_at_once, native_threads
from tradewind.serve.observing import ServerMetrics
from tradewind.serve.port import ClaimedPort, claim_port
from tradewind.serve.residency import FixedCatalog, warm_up
from tradewind.serve.served import ServedModel
from tradewind.serve.settings import Settings
from tradewind.serve.wire import App, Bodies, Exchange, Routes

_log = logging.getLogger("tradewind.serve")

_SWEEP_S = 1.0
_SETTLE_S = 0.1  # quiet for so long, no request is on its way any more
_QUIET_LOG = {"incremental": True, "formatters": {}, "handlers": {}, "loggers": {}}


def run(
    models: Sequence[ServedModel],
    settings: Settings,
    on_ready: Callable[[str], None],
    claimed: ClaimedPort | None = None,
) -> None:
    """Serve until SIGTERM or SIGINT, then answer what was accepted and return.

    Must be called on the main thread. The runners stay open. When requests are still being
    computed at the end of `drain_timeout_s`, the process ends here, with exit code 0: no engine
    can be interrupted, and none survives the end of the interpreter under it.

    Args:
        models: with different names.
        settings: how to serve them.
        on_ready: called once with the URL, when the first request may come.
        claimed: the port, when it was claimed before the models were loaded.

    Raises:
        SettingError: two models have one name, or the port is taken.
    """
    names = [model.name for model in models]
    if not names or len(set(names)) != len(names):
        raise SettingError(
            "models", "one or more, with different names", ", ".join(names) or "none"
        )
    with contextlib.ExitStack() as stack:
        port = claimed or stack.enter_context(claim_port(settings.host, settings.port))
        for model in models:
            warm_up(model)
        is_idle = asyncio.run(_Server(models, settings, port).serve(on_ready))
    if not is_idle:
        leave_at_once()


class _Server:
    """One life, from listening to the last response."""

    def __init__(
        self, models: Sequence[ServedModel], settings: Settings, port: ClaimedPort
    ) -> None:
        self._models = models
        self._settings = settings
        self._port = port
        self._stop = asyncio.Event()
        self._is_listening = False

    async def serve(self, on_ready: Callable[[str], None]) -> bool:
        """Listen, answer, drain; return whether nothing is computed any more."""
        others = native_threads()
        app, bodies, threads = self._assemble()
        granian = self._granian(app)
        self._stop_on_signals()
        listening = asyncio.create_task(granian.serve())
        sweeping = asyncio.create_task(_sweep(bodies))
        try:
            await self._accepting(listening)
            self._is_listening = True
            on_ready(self._port.url)
            stopping = asyncio.create_task(self._stop.wait())
            await asyncio.wait({listening, stopping}, return_when=asyncio.FIRST_COMPLETED)
            self._is_listening = False
            await self._drain(app, bodies)
            granian.stop()  # type: ignore[no-untyped-call]
            with contextlib.suppress(TimeoutError):  # a connection that nothing came from
                await asyncio.wait_for(listening, timeout=1.0)
            await await_end_of_others(others)
            return app.in_flight == 0
        finally:
            sweeping.cancel()
            for pool in threads:
                pool.close()

    def _assemble(self) -> tuple[App, Bodies, list[Threads]]:
        settings = self._settings
        translators = Threads(1, "tradewind-translate")
        assembler = Assembler(settings)
        assembled = [assembler.assemble(model) for model in self._models]
        catalog = FixedCatalog([one.endpoint for one in assembled])
        metrics = ServerMetrics(
            lambda: [found.metrics for found in catalog.endpoints()],
            self._is_ready,
            __version__,
        )
        routes = Routes(catalog, metrics, self._is_ready, settings.server_name, __version__)
        bodies = Bodies(settings.max_body_bytes, settings.max_held_bytes, settings.read_timeout_s)
        app = App(routes, catalog, Exchange(translators), bodies, metrics)
        return app, bodies, [translators, *(one.threads for one in assembled)]

    def _is_ready(self) -> bool:
        return self._is_listening

    def _granian(self, app: App) -> Granian:
        return Granian(
            app,
            address=self._port.host,
            port=self._port.port,
            http=HTTPModes.http1,
            websockets=False,
            backlog=1024,
            backpressure=self._settings.max_connections,
            http1_settings=HTTP1Settings(),
            log_enabled=False,
            # its default would replace the handlers of the whole process
            log_dictconfig=_QUIET_LOG,
        )

    def _stop_on_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop.set)

    async def _accepting(self, listening: "asyncio.Task[None]") -> None:
        """Wait until the port accepts connections."""
        for _ in range(500):
            if listening.done():
                break
            try:
                _, writer = await asyncio.open_connection(self._port.host, self._port.port)
            except OSError:
                await asyncio.sleep(0.01)
                continue
            writer.close()
            return
        raise SettingError(
            "--http-port", "a port that accepts connections", f"silence on {self._port.url}"
        )

    async def _drain(self, app: App, bodies: Bodies) -> None:
        """Refuse what is new, finish what was accepted, until nothing comes any more."""
        app.is_draining = True
        bodies.close()
        limit_s = time.perf_counter() + self._settings.drain_timeout_s
        while app.quiet_s < _SETTLE_S:
            if time.perf_counter() > limit_s:
                _log.warning(
                    "%d requests were not answered within %g s",
                    app.in_flight,
                    self._settings.drain_timeout_s,
                )
                return
            await asyncio.sleep(0.01)


async def _sweep(bodies: Bodies) -> None:
    """Look for bodies that take too long, for as long as the server lives."""
    while True:
        await asyncio.sleep(_SWEEP_S)
        bodies.expire(time.perf_counter())
