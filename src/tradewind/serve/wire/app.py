"""The application: one coroutine for each HTTP request."""

import logging
import time

from tradewind.errors import RequestError, TradewindError
from tradewind.serve.catalog import Catalog
from tradewind.serve.endpoint import Endpoint
from tradewind.serve.messages import Arrival
from tradewind.serve.observing import ServerMetrics, Watch
from tradewind.serve.refusals import Reason, Refusal
from tradewind.serve.security import Gate
from tradewind.serve.wire.bodies import Bodies
from tradewind.serve.wire.exchange import Exchange
from tradewind.serve.wire.route import Action, ModelPage, Page, Reply, reply_json
from tradewind.serve.wire.routes import Routes
from tradewind.serve.wire.rsgi import Headers, HttpProtocol, Scope
from tradewind.serve.wire.watched import Watched

_log = logging.getLogger("tradewind.serve")

_CLOSE = ("connection", "close")


class App:
    """What Granian calls; `__rsgi__` never raises.

    Args:
        routes: every path.
        catalog: where the models are.
        exchange: asks them.
        bodies: reads what is sent.
        metrics: counts what is refused without belonging to a model.
        gate: says who may do what; without one only this machine may manage.
        watch: follows every request, where somebody wants to know.
    """

    def __init__(
        self,
        routes: Routes,
        catalog: Catalog,
        exchange: Exchange,
        bodies: Bodies,
        metrics: ServerMetrics,
        gate: Gate | None = None,
        watch: Watch | None = None,
    ) -> None:
        self._routes = routes
        self._catalog = catalog
        self._exchange = exchange
        self._bodies = bodies
        self._metrics = metrics
        self._gate = gate or Gate()
        self._watch = watch
        self._last_s = time.perf_counter()
        self.in_flight = 0
        self.is_draining = False

    @property
    def quiet_s(self) -> float:
        """How long nothing has happened; 0 while a request is in flight."""
        return 0.0 if self.in_flight else time.perf_counter() - self._last_s

    async def __rsgi__(self, scope: Scope, protocol: HttpProtocol) -> None:
        """Respond to one HTTP request."""
        self.in_flight += 1
        if self._watch is not None:
            protocol = Watched.begin(self._watch, scope, protocol)
        try:
            route = self._routes.find(scope.path)
            if scope.method not in route.verbs:
                raise _wrong_verb(scope, route.verbs)
            client = ""
            if route.right is not None:
                found = self._gate.check(scope.headers, route.right, route.name, scope.client)
                client = found.name
            if isinstance(route, Page):
                self._send(protocol, route.show(), [])
                return
            if isinstance(route, Action):
                await self._act(route, scope, protocol)
                return
            endpoint = self._catalog.ready(route.name, route.version)
            if endpoint is None:
                endpoint = await self._catalog.endpoint(route.name, route.version)
            if isinstance(route, ModelPage):
                self._send(protocol, route.show(endpoint), [])
                return
            with endpoint.lease():
                await self._infer(endpoint, scope, protocol, client)
        except Refusal as refusal:
            self._metrics.refused_elsewhere[refusal.reason] += 1
            await self._refuse(refusal, scope, protocol)
        finally:
            self.in_flight -= 1
            self._last_s = time.perf_counter()
            if isinstance(protocol, Watched) and self._watch is not None:
                self._watch.close(protocol.account)

    async def _infer(
        self, endpoint: Endpoint, scope: Scope, protocol: HttpProtocol, client: str
    ) -> None:
        account = protocol.account if isinstance(protocol, Watched) else None
        arrival = Arrival(time.perf_counter(), protocol.client_disconnect, client, account)
        metrics = endpoint.metrics
        held_bytes = 0
        try:
            held_bytes = self._bodies.reserve(scope)
            body = await self._bodies.read(scope, protocol)
            headers, content = await self._exchange.infer(endpoint, scope.headers, body, arrival)
            if self.is_draining:
                headers = [*headers, _CLOSE]
            protocol.response_bytes(200, headers, content)
        except Refusal as refusal:
            metrics.refused[refusal.reason] += 1
            await self._refuse(refusal, scope, protocol)
        except RequestError as error:
            metrics.refused[Reason.INVALID] += 1
            self._send(protocol, _error(400, str(error)), [])
        except Exception:
            metrics.failed += 1
            _log.exception("model %s failed on a request", endpoint.model.name)
            self._send(protocol, _error(500, str(_failure(endpoint.model.name))), [])
        finally:
            self._bodies.release(held_bytes)

    async def _act(self, action: Action, scope: Scope, protocol: HttpProtocol) -> None:
        held_bytes = 0
        try:
            held_bytes = self._bodies.reserve(scope)
            reply = await action.run(await self._bodies.read(scope, protocol))
        except RequestError as error:
            self._metrics.refused_elsewhere[Reason.INVALID] += 1
            reply = _error(400, str(error))
        finally:
            self._bodies.release(held_bytes)
        self._send(protocol, reply, [])

    async def _refuse(self, refusal: Refusal, scope: Scope, protocol: HttpProtocol) -> None:
        headers: Headers = []
        if isinstance(protocol, Watched):
            protocol.account.reason = refusal.reason
        if refusal.retry_after_s:
            headers.append(("retry-after", str(refusal.retry_after_s)))
        if refusal.reason is Reason.UNAUTHENTICATED:
            headers.append(("www-authenticate", 'Bearer realm="tradewind"'))
        if isinstance(refusal, WrongVerb):
            headers.append(("allow", ", ".join(refusal.verbs)))
        self._send(protocol, _error(refusal.status, str(refusal)), headers)
        await self._bodies.discard(scope, protocol)

    def _send(self, protocol: HttpProtocol, reply: Reply, headers: Headers) -> None:
        headers = [("content-type", reply.content_type), *reply.headers, *headers]
        if self.is_draining:
            headers.append(_CLOSE)
        protocol.response_bytes(reply.status, headers, reply.body)


class WrongVerb(Refusal):
    """The path exists, but not for this method.

    Args:
        path: what was asked for.
        method: how.
        verbs: how it may be asked for.
    """

    def __init__(self, path: str, method: str, verbs: tuple[str, ...]) -> None:
        super().__init__(Reason.WRONG_VERB, path[:200], " or ".join(verbs), method)
        self.verbs = verbs


def _wrong_verb(scope: Scope, verbs: tuple[str, ...]) -> WrongVerb:
    return WrongVerb(scope.path, scope.method, verbs)


def _error(status: int, text: str) -> Reply:
    return reply_json(status, {"error": text})


def _failure(name: str) -> TradewindError:
    return TradewindError(
        f"model {name}",
        "an answer",
        "a failure inside the model",
        "the log of the server says more.",
    )
