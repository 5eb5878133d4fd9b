"""The life of a server: claim the port, warm up, answer, drain, stop."""

import asyncio
import contextlib
import gc
import importlib.util
import logging
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn, final

from tradewind import __version__
from tradewind.errors import SettingError
from tradewind.serve.assembling import Assembler
from tradewind.serve.batching import Threads
from tradewind.serve.catalog import Catalog
from tradewind.serve.descriptors import make_room
from tradewind.serve.leaving import leave_at_once
from tradewind.serve.listening import Listener
from tradewind.serve.observing import Recording, ServerMetrics
from tradewind.serve.port import ClaimedPort, claim_port
from tradewind.serve.residency import Loader, ManagedCatalog, Source, warm_up
from tradewind.serve.security import Gate, certificates_of, gate_of, is_loopback
from tradewind.serve.served import ServedModel
from tradewind.serve.settings import Settings
from tradewind.serve.wire import App, Bodies, Exchange, Routes
from tradewind.serve.wire.grpc import GrpcListener, Services, Site, site_of
from tradewind.serve.wire.routes import EXTENSIONS, SHARED_EXTENSIONS
from tradewind.serve.workers import Sharing, Worker

_log = logging.getLogger("tradewind.serve")

_Listener = Listener | GrpcListener

_SWEEP_S = 1.0
_SETTLE_S = 0.1  # quiet for so long, no request is on its way any more


def run(
    models: Sequence[ServedModel],
    settings: Settings,
    on_ready: Callable[[str], None],
    claimed: ClaimedPort | None = None,
    admin: ClaimedPort | None = None,
    source: Source | None = None,
    grpc: ClaimedPort | None = None,
    worker: Worker | None = None,
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
        admin: the port for managing, likewise.
        source: of further models, which the server opens and closes by itself.
        grpc: the port for gRPC, claimed likewise.
        worker: what this process was told, when it is one of several on these ports.

    Raises:
        SettingError: two models have one name, or the port is taken.
        TradewindError: a model that has to be loaded at the start cannot be.
    """
    if not models and source is None:
        raise SettingError("models", "one or more, or a source of models", "none")
    with contextlib.ExitStack() as stack:
        port = claimed or stack.enter_context(claim_port(settings.host, settings.port))
        if admin is None and settings.admin_port is not None:
            admin = stack.enter_context(claim_port(settings.admin_host, settings.admin_port))
        if grpc is None and settings.grpc_port is not None:
            grpc = stack.enter_context(claim_port(settings.host, settings.grpc_port, "--grpc-port"))
        gate = gate_of(settings.security)
        certificates = certificates_of(settings.security)
        if certificates is not None:
            certificates.context()  # wrong files are told before models are loaded
        _warn_of_strangers(settings, port)
        make_room(settings.max_connections)
        for model in models:
            warm_up(model)
        ports = _Ports(port, admin, grpc)
        server = _Server(models, source or Source(_nothing), settings, gate, ports, worker)
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            is_idle = runner.run(server.serve(on_ready))
    if not is_idle:
        leave_at_once()


@final
@dataclass(frozen=True)
class _Ports:
    """Where the server listens."""

    http: ClaimedPort
    admin: ClaimedPort | None  # for managing
    grpc: ClaimedPort | None


class _Server:
    """One life, from listening to the last response."""

    def __init__(
        self,
        models: Sequence[ServedModel],
        source: Source,
        settings: Settings,
        gate: Gate,
        ports: _Ports,
        worker: Worker | None,
    ) -> None:
        self._models = models
        self._source = source
        self._settings = settings
        self._gate = gate
        self._ports = ports
        self._is_alone = worker is None
        self._sharing = Sharing(None)
        if worker is not None:
            self._sharing = Sharing(Path(worker.folder), worker.number)
        self._recording = Recording(settings.observing, __version__)
        self._stop = asyncio.Event()
        self._is_listening = False

    async def serve(self, on_ready: Callable[[str], None]) -> bool:
        """Listen, answer, drain; return whether nothing is computed any more."""
        translators = Threads(1, "tradewind-translate")
        assembler = Assembler(self._settings, self._gate)
        catalog = ManagedCatalog(assembler, Loader(self._source.opener), self._source.residency)
        try:
            await catalog.start(self._models, self._source.paths)
            # what is there now stays: looking through it again would hold up every request
            gc.collect()
            gc.freeze()
            return await self._answer(catalog, assembler, translators, on_ready)
        finally:
            translators.close()
            self._recording.close()

    async def _answer(
        self,
        catalog: ManagedCatalog,
        assembler: Assembler,
        translators: Threads,
        on_ready: Callable[[str], None],
    ) -> bool:
        metrics = self._metrics(assembler)
        listeners, bodies = self._listeners(catalog, metrics, translators)
        self._stop_on_signals()
        sweeping = asyncio.create_task(_sweep(bodies, self._gate, listeners))
        writing = asyncio.create_task(self._sharing.keep_writing(metrics.snapshot))
        try:
            for listener in listeners:
                await listener.start()
            self._is_listening = True
            on_ready(listeners[0].url)
            stopping = asyncio.create_task(self._stop.wait())
            ending = [asyncio.create_task(listener.ended()) for listener in listeners]
            await asyncio.wait({*ending, stopping}, return_when=asyncio.FIRST_COMPLETED)
            self._is_listening = False
            apps = [listener.app for listener in listeners]
            await self._drain(apps, bodies)
            sweeping.cancel()  # which may be about to listen anew
            for listener in listeners:
                await listener.stop(patience_s=1.0)
            is_idle = not any(app.in_flight for app in apps)
            if is_idle:
                await catalog.close()
            return is_idle
        finally:
            sweeping.cancel()
            writing.cancel()
            self._sharing.write(metrics.snapshot)

    def _metrics(self, assembler: Assembler) -> ServerMetrics:
        metrics = ServerMetrics(
            lambda: assembler.metrics,
            self._is_ready,
            __version__,
            self._settings.observing,
            self._recording.dropped,
            lambda: self._sharing.others(metrics.snapshot),
        )
        return metrics

    def _listeners(
        self, catalog: Catalog, metrics: ServerMetrics, translators: Threads
    ) -> tuple[list[_Listener], Bodies]:
        settings, gate = self._settings, self._gate
        extensions = EXTENSIONS if self._is_alone else SHARED_EXTENSIONS
        routes = Routes(
            catalog, metrics, self._is_ready, settings.server_name, __version__, extensions
        )
        bodies = Bodies(settings.max_body_bytes, settings.max_held_bytes, settings.read_timeout_s)
        exchange = Exchange(translators, tells_timing=settings.observing.server_timing)

        ports, certificates = self._ports, certificates_of(settings.security)
        open_gate = gate if ports.admin is None else gate.without_managing()

        def listener(port: ClaimedPort, gate: Gate) -> Listener:
            app = App(routes, catalog, exchange, bodies, metrics, gate, self._recording.watch)
            return Listener(app, port, settings, certificates)

        listeners: list[_Listener] = [listener(ports.http, open_gate)]
        if ports.admin is not None:
            listeners.append(listener(ports.admin, gate))
        if ports.grpc is not None:
            services = Services(
                catalog,
                open_gate,
                bodies,
                metrics,
                self._is_ready,
                translators,
                self._recording.watch,
                extensions,
            )
            site = site_of(services, settings, __version__)
            listeners.append(GrpcListener(site, ports.grpc, certificates))
        return listeners, bodies

    def _is_ready(self) -> bool:
        return self._is_listening

    def _stop_on_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop.set)

    async def _drain(self, apps: Sequence[App | Site], bodies: Bodies) -> None:
        """Refuse what is new, finish what was accepted, until nothing comes any more."""
        for app in apps:
            app.is_draining = True
        bodies.close()
        limit_s = time.perf_counter() + self._settings.drain_timeout_s
        while min(app.quiet_s for app in apps) < _SETTLE_S:
            if time.perf_counter() > limit_s:
                _log.warning(
                    "%d requests were not answered within %g s",
                    sum(app.in_flight for app in apps),
                    self._settings.drain_timeout_s,
                )
                return
            await asyncio.sleep(0.01)


async def _sweep(bodies: Bodies, gate: Gate, listeners: Sequence[_Listener]) -> None:
    """Look for bodies that take too long and files that changed, while the server lives."""
    while True:
        await asyncio.sleep(_SWEEP_S)
        bodies.expire(time.perf_counter())
        gate.refresh()
        for listener in listeners:
            await listener.renew()


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Return what makes the event loop: uvloop where it is installed."""
    if importlib.util.find_spec("uvloop") is None:
        return None
    factory: Callable[[], asyncio.AbstractEventLoop] = importlib.import_module(
        "uvloop"
    ).new_event_loop
    return factory


def _nothing(path: Path, name: str, version: str) -> NoReturn:
    raise SettingError("source", "where models come from", "none")


def _warn_of_strangers(settings: Settings, port: ClaimedPort) -> None:
    """Say what whoever reaches the port can do, unless only this machine can reach it."""
    if is_loopback(port.host):
        return
    lacks = []
    if not settings.security.has_locks:
        lacks.append("asks for no key: everybody who reaches it may use its models (--api-keys)")
    if settings.security.tls_cert is None:
        lacks.append("does not encrypt: keys and data can be read on the way (--tls-cert)")
    if lacks:
        _log.warning("the server at %s %s", port.host, "; it ".join(lacks))
