"""Every service of the port, put together."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, final

from tradewind.serve.batching import Threads
from tradewind.serve.catalog import Catalog
from tradewind.serve.observing import ServerMetrics, Watch
from tradewind.serve.security import Gate
from tradewind.serve.settings import Settings
from tradewind.serve.wire.bodies import Bodies
from tradewind.serve.wire.grpc.call import Method
from tradewind.serve.wire.grpc.health import Health
from tradewind.serve.wire.grpc.inference import Inference
from tradewind.serve.wire.grpc.reflection import Reflection
from tradewind.serve.wire.grpc.services import About
from tradewind.serve.wire.grpc.site import Site
from tradewind.serve.wire.routes import EXTENSIONS

_INFERENCE = "inference.GRPCInferenceService"
_HEALTH = "grpc.health.v1.Health"
_REFLECTION = ("grpc.reflection.v1", "grpc.reflection.v1alpha")


@final
@dataclass(frozen=True)
class Services:
    """What the methods work with."""

    catalog: Catalog  # where the models are
    gate: Gate  # says who may do what
    bodies: Bodies  # the memory for what is read
    metrics: ServerMetrics  # counts what is refused without belonging to a model
    is_ready: Callable[[], bool]  # whether the server takes requests
    translators: Threads  # for what takes long to unpack
    watch: Watch | None  # follows every request, where somebody wants to know
    extensions: tuple[str, ...] = EXTENSIONS  # of the protocol, that work


def site_of(services: Services, settings: Settings, version: str) -> Site:
    """Return what is answered on the port of gRPC.

    Args:
        services: what the methods work with.
        settings: limits.
        version: of Tradewind.
    """
    catalog, gate, metrics = services.catalog, services.gate, services.metrics
    is_ready, bodies = services.is_ready, services.bodies
    server = {"name": settings.server_name, "version": version, "extensions": services.extensions}
    reflected = tuple(f"{package}.ServerReflection" for package in _REFLECTION)
    inference = Inference(
        catalog,
        gate,
        metrics,
        bodies.check_open,
        settings.max_body_bytes,
        services.translators,
        services.watch,
    )
    methods = {
        **_under(_INFERENCE, About(catalog, gate, metrics, is_ready, server).methods()),
        f"/{_INFERENCE}/ModelInfer": Method(answer=inference.infer),
        f"/{_INFERENCE}/ModelStreamInfer": Method(converse=inference.stream),
        **_under(_HEALTH, Health(catalog, is_ready, (_INFERENCE, _HEALTH)).methods()),
    }
    for package, service in zip(_REFLECTION, reflected, strict=True):
        known = Reflection(package, (_INFERENCE, _HEALTH, *reflected))
        methods |= _under(service, known.methods())
    return Site(
        methods,
        bodies,
        settings.max_body_bytes,
        settings.max_connections,
        settings.read_timeout_s,
    )


def _under(service: str, methods: Mapping[str, Method]) -> dict[str, Any]:
    return {f"/{service}/{name}": method for name, method in methods.items()}
