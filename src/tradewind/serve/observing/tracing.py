"""Spans of requests, sent to a collector of OpenTelemetry (OTLP over HTTP)."""

import logging
import os
import random
from collections.abc import Iterator, Sequence
from typing import Any, final

from tradewind.errors import SettingError
from tradewind.serve.observing.account import Account
from tradewind.serve.observing.recorder import Recorder, Sink

_BATCH = 512


@final
class Tracer:
    """Queues the requests that are traced; an observer.

    Args:
        recorder: where to put them.
    """

    def __init__(self, recorder: Recorder[Account]) -> None:
        self._recorder = recorder

    def __call__(self, account: Account) -> None:
        if account.trace is not None and account.trace.is_sampled and account.model:
            self._recorder.put(account)


@final
class Spans(Sink[Account]):
    """Turns requests into spans and sends them.

    They are made here, on a thread, from the times in the account: making one takes longer than
    a small model.

    Args:
        endpoint: the URL of the collector. Headers, certificates and time-outs are those of
            OpenTelemetry's environment variables.
        version: of Tradewind.

    Raises:
        SettingError: the packages are not installed.
    """

    def __init__(self, endpoint: str, version: str) -> None:
        try:
            from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
            from opentelemetry.sdk.resources import Resource
        except ImportError as error:
            raise SettingError(
                "otlp_endpoint",
                "the packages of OpenTelemetry",
                "none",
                "pip install 'tradewind[otel]'.",
            ) from error
        # its errors are counted and told here, once instead of with each attempt
        logging.getLogger("opentelemetry.exporter.otlp.proto.http").setLevel(logging.CRITICAL)
        self._endpoint = endpoint
        self._exporter = OTLPSpanExporter(endpoint=endpoint, timeout=5)
        told = {"service.name": "tradewind", "service.version": version}
        if "OTEL_SERVICE_NAME" in os.environ:
            del told["service.name"]
        self._resource = Resource.create(told)

    @property
    def kind(self) -> str:
        return "span"

    def write(self, records: Sequence[Account]) -> int:
        from opentelemetry.sdk.trace.export import SpanExportResult

        for start in range(0, len(records), _BATCH):
            spans = [
                span
                for account in records[start : start + _BATCH]
                for span in _spans(account, self._resource)
            ]
            if self._exporter.export(spans) is not SpanExportResult.SUCCESS:
                raise ConnectionError(f"{self._endpoint} did not take the spans")
        return 0

    def close(self) -> int:
        self._exporter.shutdown()
        return 0


def _spans(account: Account, resource: Any) -> Iterator[Any]:
    """Yield the span of a request, then those of its parts."""
    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags

    trace = account.trace
    assert trace is not None

    def context(span_id: int, *, is_remote: bool = False) -> SpanContext:
        return SpanContext(trace.trace_id, span_id, is_remote, TraceFlags(TraceFlags.SAMPLED))

    def nanoseconds(at_s: float) -> int:
        return round((account.started_s + at_s - account.arrived_s) * 1e9)

    is_error = bool(account.reason) or account.status not in (200, "OK")
    yield ReadableSpan(
        f"infer {account.model}",
        context(trace.span_id),
        context(trace.parent_id, is_remote=True) if trace.parent_id else None,
        resource,
        _attributes(account),
        kind=SpanKind.SERVER,
        status=Status(StatusCode.ERROR if is_error else StatusCode.UNSET),
        start_time=nanoseconds(account.arrived_s),
        end_time=nanoseconds(account.ended_s),
    )
    for name, begin_s, end_s in account.parts():
        yield ReadableSpan(
            name,
            context(random.getrandbits(64) or 1),
            context(trace.span_id),
            resource,
            kind=SpanKind.INTERNAL,
            start_time=nanoseconds(begin_s),
            end_time=nanoseconds(end_s),
        )


def _attributes(account: Account) -> dict[str, str | int]:
    told: dict[str, str | int] = {
        "tradewind.model": account.model,
        "tradewind.version": account.version,
        "tradewind.request_id": account.request_id,
        "tradewind.examples": account.examples,
        "tradewind.batch_examples": account.together,
        "error.type": account.reason,
    }
    if account.protocol == "http":
        told |= {
            "http.request.method": account.method,
            "url.path": account.path,
            "http.response.status_code": account.status,
        }
    else:
        told |= {
            "rpc.system": "grpc",
            "rpc.method": account.method,
            "rpc.grpc.status_code": account.status,
        }
    return {name: value for name, value in told.items() if value}
