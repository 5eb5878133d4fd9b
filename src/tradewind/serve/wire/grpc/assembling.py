"""Every service of the port, put together."""

from collections.abc import Callable, Mapping
from typing import Any

from tradewind.serve.catalog import Catalog
from tradewind.serve.observing.metrics import ServerMetrics
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


def site_of(
    catalog: Catalog,
    gate: Gate,
    bodies: Bodies,
    metrics: ServerMetrics,
    is_ready: Callable[[], bool],
    settings: Settings,
    version: str,
) -> Site:
    """Return what is answered on the port of gRPC.

    Args:
        catalog: where the models are.
        gate: says who may do what.
        bodies: the memory for what is read.
        metrics: counts what is refused without belonging to a model.
        is_ready: returns whether the server takes requests.
        settings: limits.
        version: of Tradewind.
    """
    server = {"name": settings.server_name, "version": version, "extensions": EXTENSIONS}
    reflected = tuple(f"{package}.ServerReflection" for package in _REFLECTION)
    inference = Inference(catalog, gate, metrics, bodies.check_open, settings.max_body_bytes)
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
