import logging
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from tests.serve.child import start, tensor
from tests.serve.observing.accounts import answered

from tradewind.serve.observing.account import Account, Trace
from tradewind.serve.observing.recorder import Recorder
from tradewind.serve.observing.tracing import Spans, Tracer

pytest.importorskip("opentelemetry.sdk", reason="pip install 'tradewind[otel]'")


@contextmanager
def collector(status: int = 200) -> Iterator[tuple[str, list[Any]]]:
    """Take spans over HTTP as a collector of OpenTelemetry does; yield its URL and the spans."""
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    taken: list[Any] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            assert self.headers["content-type"] == "application/x-protobuf"
            message = ExportTraceServiceRequest.FromString(body)
            for resource in message.resource_spans:
                service = {one.key: one.value.string_value for one in resource.resource.attributes}
                for scope in resource.scope_spans:
                    taken.extend((service, span) for span in scope.spans)
            self.send_response(status)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/v1/traces", taken
        finally:
            server.shutdown()
            thread.join()


def traced(number: int = 0, parent_id: int = 0) -> Account:
    return answered(number, trace=Trace(10 + number, 20 + number, parent_id, is_sampled=True))


def test_a_request_is_a_span_with_its_parts() -> None:
    with collector() as (url, taken):
        sink = Spans(url, "1.2.3")
        assert sink.write([traced(parent_id=99)]) == 0
        sink.close()
    spans = {span.name: span for _, span in taken}
    assert set(spans) == {"infer m", "read", "queue", "compute", "encode"}
    whole = spans["infer m"]
    assert int.from_bytes(whole.trace_id) == 10
    assert int.from_bytes(whole.span_id) == 20
    assert int.from_bytes(whole.parent_span_id) == 99
    # times since 1970 in float64 are exact to a quarter of a microsecond
    assert whole.start_time_unix_nano == pytest.approx(1.75e18, abs=1000)
    assert whole.end_time_unix_nano - whole.start_time_unix_nano == pytest.approx(1e7, abs=1000)
    for name, milliseconds in {"read": 1, "queue": 2, "compute": 3, "encode": 1}.items():
        part = spans[name]
        assert int.from_bytes(part.parent_span_id) == 20
        took = part.end_time_unix_nano - part.start_time_unix_nano
        assert took == pytest.approx(milliseconds * 1e6, abs=1000)
    attributes = {one.key: one.value for one in whole.attributes}
    assert attributes["tradewind.model"].string_value == "m"
    assert attributes["tradewind.batch_examples"].int_value == 8
    assert attributes["http.response.status_code"].int_value == 200
    assert taken[0][0]["service.name"] == "tradewind"
    assert taken[0][0]["service.version"] == "1.2.3"


def test_a_refused_request_is_an_error() -> None:
    account = traced()
    account.status, account.reason = 503, "deadline"
    account.computing_s = account.computed_s = account.answered_s = 0.0
    with collector() as (url, taken):
        Spans(url, "1").write([account])
    spans = {span.name: span for _, span in taken}
    assert set(spans) == {"infer m", "read"}
    assert spans["infer m"].status.code == 2  # ERROR
    attributes = {one.key: one.value.string_value for one in spans["infer m"].attributes}
    assert attributes["error.type"] == "deadline"


def test_only_inference_that_is_sampled_is_sent() -> None:
    page = Account("http", "GET", "/metrics", "", 1.0, 1.0, Trace(1, 2, 0, is_sampled=True))
    quiet = answered(5, trace=Trace(3, 4, 0, is_sampled=False))
    with collector() as (url, taken):
        recorder = Recorder(Spans(url, "1"), 10)
        for account in (page, quiet, answered(6), traced(7)):
            Tracer(recorder)(account)
        recorder.close(60)
    assert {int.from_bytes(span.trace_id) for _, span in taken} == {17}


def test_a_collector_that_refuses_costs_the_spans(caplog: pytest.LogCaptureFixture) -> None:
    with collector(status=400) as (url, _), caplog.at_level(logging.ERROR, "tradewind.serve"):
        recorder = Recorder(Spans(url, "1"), 10)
        Tracer(recorder)(traced())
        recorder.close(60)
    assert recorder.dropped == 1
    assert "did not take the spans" in caplog.text


def test_a_collector_that_is_silent_holds_up_nobody() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/v1/traces"
        with start(observing={"otlp_endpoint": url}) as server:
            for _ in range(20):
                assert server.infer("tiny", tensor([1.0] * 4)).status == 200
            server.process.terminate()
            assert server.process.wait(60) == 0


def test_a_server_goes_on_with_the_trace_of_its_caller() -> None:
    parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    with collector() as (url, taken), start(observing={"otlp_endpoint": url}) as server:
        answer = server.infer("tiny", tensor([1.0] * 4), {"traceparent": parent})
        assert answer.status == 200
        server.ask("/v2/health/live")
        server.process.terminate()
        assert server.process.wait(60) == 0
    spans = {span.name: span for _, span in taken}
    assert set(spans) == {"infer tiny", "read", "queue", "compute", "encode"}
    whole = spans["infer tiny"]
    assert whole.parent_span_id.hex() == "b7ad6b7169203331"
    trace, span_id = whole.trace_id.hex(), whole.span_id.hex()
    assert trace == "0af7651916cd43dd8448eb211c80319c"
    assert answer.headers["traceresponse"] == f"00-{trace}-{span_id}-01"
