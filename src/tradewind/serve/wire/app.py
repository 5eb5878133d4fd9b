"""The application: one coroutine for each HTTP request."""

import logging
import time
from contextlib import aclosing

from tradewind.errors import RequestError, TradewindError
from tradewind.serve.catalog import Catalog
from tradewind.serve.endpoint import Endpoint
from tradewind.serve.messages import Arrival
from tradewind.serve.observing import ServerMetrics, Watch
from tradewind.serve.refusals import Reason, Refusal
from tradewind.serve.security import Gate
from tradewind.serve.wire.bodies import Bodies
from tradewind.serve.wire.events import EVENTS, event
from tradewind.serve.wire.exchange import Exchange
from tradewind.serve.wire.route import Action, Inference, ModelPage, Page, Reply, reply_json
from tradewind.serve.wire.routes import Routes
from tradewind.serve.wire.visit import Headers, Visit
from tradewind.serve.wire.watched import Watched

_log = logging.getLogger("tradewind.serve")


class App:
    """What a connection calls; it never raises.

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

    async def __call__(self, visit: Visit) -> None:
        """Respond to one HTTP request."""
        self.in_flight += 1
        if self._watch is not None:
            visit = Watched.follow(self._watch, visit)
        try:
            route = self._routes.find(visit.path)
            if visit.method not in route.verbs:
                raise _wrong_verb(visit, route.verbs)
            client = ""
            if route.right is not None:
                found = self._gate.check(visit.headers, route.right, route.name, visit.client)
                client = found.name
            if isinstance(route, Page):
                self._send(visit, route.show(), ())
                return
            if isinstance(route, Action):
                await self._act(route, visit)
                return
            endpoint = self._catalog.ready(route.name, route.version)
            if endpoint is None:
                endpoint = await self._catalog.endpoint(route.name, route.version)
            if isinstance(route, ModelPage):
                self._send(visit, route.show(endpoint), ())
                return
            with endpoint.lease():
                await self._infer(endpoint, visit, client, route)
        except Refusal as refusal:
            self._metrics.refused_elsewhere[refusal.reason] += 1
            self._refuse(refusal, visit)
        finally:
            self.in_flight -= 1
            self._last_s = time.perf_counter()
            if isinstance(visit, Watched) and self._watch is not None:
                self._watch.close(visit.account)

    def unreadable(self) -> None:
        self._metrics.refused_elsewhere[Reason.INVALID] += 1

    async def _infer(self, endpoint: Endpoint, visit: Visit, client: str, route: Inference) -> None:
        account = visit.account if isinstance(visit, Watched) else None
        arrival = Arrival(time.perf_counter(), visit.gone, client, account)
        metrics = endpoint.metrics
        held_bytes = 0
        try:
            held_bytes = self._bodies.reserve(visit)
            body = await self._bodies.read(visit)
            if route.is_streaming:
                await self._stream(endpoint, visit, body, arrival)
                return
            headers, content = await self._exchange.infer(endpoint, visit.headers, body, arrival)
            visit.respond(200, headers, content)
        except Refusal as refusal:
            metrics.refused[refusal.reason] += 1
            self._refuse(refusal, visit)
        except RequestError as error:
            metrics.refused[Reason.INVALID] += 1
            self._send(visit, _error(400, str(error)), ())
        except Exception:
            metrics.failed += 1
            _log.exception("model %s failed on a request", endpoint.model.name)
            self._send(visit, _error(500, str(_failure(endpoint.model.name))), ())
        finally:
            self._bodies.release(held_bytes)

    async def _stream(
        self, endpoint: Endpoint, visit: Visit, body: bytes, arrival: Arrival
    ) -> None:
        """Send each answer as soon as it is there.

        Raises:
            Exception: whatever ends the answers; once one is sent, the client has been told.
        """
        has_begun = False
        stream = self._exchange.stream(endpoint, visit.headers, body, arrival)
        async with aclosing(stream) as answers:
            try:
                async for answer in answers:
                    _check_presence(visit)
                    if not has_begun:
                        visit.begin(200, EVENTS)
                        has_begun = True
                    await visit.send(event(answer))
            except Exception as error:
                if has_begun:
                    is_told = isinstance(error, Refusal | RequestError)
                    told = str(error) if is_told else str(_failure(endpoint.model.name))
                    await visit.send(event(_error(500, told).body, "error"))
                raise
            finally:
                if has_begun:
                    visit.end()

    async def _act(self, action: Action, visit: Visit) -> None:
        held_bytes = 0
        try:
            held_bytes = self._bodies.reserve(visit)
            reply = await action.run(await self._bodies.read(visit))
        except RequestError as error:
            self._metrics.refused_elsewhere[Reason.INVALID] += 1
            reply = _error(400, str(error))
        finally:
            self._bodies.release(held_bytes)
        self._send(visit, reply, ())

    def _refuse(self, refusal: Refusal, visit: Visit) -> None:
        headers: Headers = ()
        if isinstance(visit, Watched):
            visit.account.reason = refusal.reason
        if refusal.retry_after_s:
            headers = (("retry-after", str(refusal.retry_after_s)),)
        if refusal.reason is Reason.UNAUTHENTICATED:
            headers = (*headers, ("www-authenticate", 'Bearer realm="tradewind"'))
        if isinstance(refusal, WrongVerb):
            headers = (*headers, ("allow", ", ".join(refusal.verbs)))
        self._send(visit, _error(refusal.status, str(refusal)), headers)

    def _send(self, visit: Visit, reply: Reply, headers: Headers) -> None:
        headers = (("content-type", reply.content_type), *reply.headers, *headers)
        visit.respond(reply.status, headers, reply.body)


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


def _wrong_verb(visit: Visit, verbs: tuple[str, ...]) -> WrongVerb:
    return WrongVerb(visit.path, visit.method, verbs)


def _error(status: int, text: str) -> Reply:
    return reply_json(status, {"error": text})


def _check_presence(visit: Visit) -> None:
    if visit.is_gone:
        raise Refusal(Reason.CLIENT_GONE, "client", "someone who waits", "a closed connection")


def _failure(name: str) -> TradewindError:
    return TradewindError(
        f"model {name}",
        "an answer",
        "a failure inside the model",
        "the log of the server says more.",
    )
