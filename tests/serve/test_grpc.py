import asyncio
import threading
from collections.abc import Iterator
from typing import Any

import grpc
import numpy as np
import pytest
from tests.serve.child import Child, start

import tradewind
from tradewind.client import Refused, Retries
from tradewind.protocol import schema

SERVICE = "/inference.GRPCInferenceService/"
X = np.arange(8, dtype=np.float32).reshape(2, 4)
REFUSED = 'tradewind_requests_refused_total{model="slow",reason="%s"}'
PATIENCE_S = 60


def request(model: str = "tiny", array: Any = X, **more: Any) -> Any:
    """A request with one input called x."""
    message = schema.message_type("inference.ModelInferRequest")(model_name=model, **more)
    message.inputs.add(name="x", datatype="FP32", shape=list(array.shape))
    message.raw_input_contents.append(array.tobytes())
    return message


def reader(name: str) -> Any:
    """What makes messages of bytes."""
    return schema.message_type(name).FromString


@pytest.fixture(scope="module")
def channel(server: Child) -> Iterator[grpc.Channel]:
    with grpc.insecure_channel(server.grpc) as found:
        yield found


def ask(channel: grpc.Channel, method: str, **fields: Any) -> Any:
    """Call one method of the service that is about the server or a model."""
    message = schema.message_type(f"inference.{method}Request")(**fields)
    read = reader(f"inference.{method}Response")
    call = channel.unary_unary(SERVICE + method, response_deserializer=read)
    return call(message.SerializeToString(), timeout=PATIENCE_S)


def infer(channel: grpc.Channel, message: Any, **more: Any) -> Any:
    read = reader("inference.ModelInferResponse")
    call = channel.unary_unary(f"{SERVICE}ModelInfer", response_deserializer=read)
    return call(message.SerializeToString(), **{"timeout": PATIENCE_S, **more})


def test_a_model_answers(channel: grpc.Channel) -> None:
    answer = infer(channel, request(id="7"))
    assert (answer.model_name, answer.model_version, answer.id) == ("tiny", "1", "7")
    assert answer.outputs[0].name == "y"
    found = np.frombuffer(answer.raw_output_contents[0], np.float32)
    np.testing.assert_array_equal(found, (X * 10).ravel())


def test_what_is_told_over_rest_is_told_over_grpc(server: Child, channel: grpc.Channel) -> None:
    about = ask(channel, "ServerMetadata")
    assert about.name == "tradewind"
    assert list(about.extensions) == server.ask("/v2").json["extensions"]
    told = ask(channel, "ModelMetadata", name="tiny")
    assert [(one.name, one.datatype, list(one.shape)) for one in told.inputs] == [
        ("x", "FP32", [-1, 4])
    ]
    assert dict(told.properties) == {"variant": "original"}
    config = ask(channel, "ModelConfig", name="tiny").config
    plain = server.ask("/v2/models/tiny/config").json
    assert (config.name, config.max_batch_size) == ("tiny", plain["max_batch_size"])
    assert list(config.input[0].dims) == plain["input"][0]["dims"]
    listed = {one.name for one in ask(channel, "RepositoryIndex").models}
    assert listed == set(server.ask("/v2/models").json["models"])
    counted = ask(channel, "ModelStatistics", name="tiny").model_stats[0]
    assert counted.name == "tiny"
    assert len(ask(channel, "ModelStatistics").model_stats) == len(listed)


def test_readiness_is_told(channel: grpc.Channel) -> None:
    assert ask(channel, "ServerLive").live
    assert ask(channel, "ServerReady").ready
    assert ask(channel, "ModelReady", name="tiny").ready
    assert not ask(channel, "ModelReady", name="nope").ready


@pytest.mark.parametrize(
    ("message", "code", "text"),
    [
        (request("nope"), "NOT_FOUND", "Request for unknown model: 'nope'"),
        (request(array=X[:, :3]), "INVALID_ARGUMENT", "x.shape: expected FP32[N, 4], got [2, 3]"),
        (request(model_version="9"), "NOT_FOUND", "expected"),
        (request("broken", X[:, 0]), "INTERNAL", "model broken: expected an answer"),
    ],
)
def test_errors_have_the_codes_that_clients_know(
    channel: grpc.Channel, message: Any, code: str, text: str
) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        infer(channel, message)
    assert caught.value.code().name == code
    assert text in caught.value.details()
    assert "secret" not in caught.value.details()


def test_nothing_of_the_wrong_size_gets_in(channel: grpc.Channel) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        infer(channel, request(array=np.zeros((2**18, 4), np.float32)))
    assert caught.value.code().name == "RESOURCE_EXHAUSTED"
    twice = request()
    twice.raw_input_contents.append(b"")
    with pytest.raises(grpc.RpcError) as caught:
        infer(channel, twice)
    assert "raw_input_contents: expected 1 of them" in caught.value.details()


def test_managing_needs_a_server_that_can_be_managed(channel: grpc.Channel) -> None:
    for method in ("RepositoryModelLoad", "RepositoryModelUnload"):
        with pytest.raises(grpc.RpcError) as caught:
            ask(channel, method, model_name="nope")
        assert caught.value.code().name in ("NOT_FOUND", "UNIMPLEMENTED")


def test_a_stream_is_answered_in_order_also_after_an_error(channel: grpc.Channel) -> None:
    names = ["slow", "tiny", "nope", "tiny"]
    sent = [
        request(name, X[:1, :1] if name == "slow" else X, id=str(number))
        for number, name in enumerate(names)
    ]
    read = reader("inference.ModelStreamInferResponse")
    call = channel.stream_stream(f"{SERVICE}ModelStreamInfer", response_deserializer=read)
    found = list(call(iter([one.SerializeToString() for one in sent]), timeout=PATIENCE_S))
    assert [one.infer_response.id for one in found] == ["0", "1", "2", "3"]
    assert [bool(one.error_message) for one in found] == [False, False, True, False]
    assert "unknown model" in found[2].error_message


@pytest.mark.parametrize("kind", [grpc.Compression.Gzip, grpc.Compression.Deflate])
def test_packed_messages_are_read(channel: grpc.Channel, kind: Any) -> None:
    zeros = np.zeros((100, 4), np.float32)
    answer = infer(channel, request(array=zeros), compression=kind)
    assert list(answer.outputs[0].shape) == [100, 4]


def test_health_is_told_to_load_balancers(channel: grpc.Channel) -> None:
    read = reader("grpc.health.v1.HealthCheckResponse")
    kind = schema.message_type("grpc.health.v1.HealthCheckRequest")
    check = channel.unary_unary("/grpc.health.v1.Health/Check", response_deserializer=read)
    for name in ("", "inference.GRPCInferenceService", "tiny"):
        told = check(kind(service=name).SerializeToString(), timeout=PATIENCE_S)
        assert told.status == 1  # SERVING
    with pytest.raises(grpc.RpcError) as caught:
        check(kind(service="nope").SerializeToString(), timeout=PATIENCE_S)
    assert caught.value.code().name == "NOT_FOUND"
    watch = channel.unary_stream("/grpc.health.v1.Health/Watch", response_deserializer=read)
    watching = watch(b"", timeout=PATIENCE_S)
    assert next(watching).status == 1
    watching.cancel()


@pytest.mark.parametrize("version", ["v1", "v1alpha"])
def test_tools_can_learn_the_schema(channel: grpc.Channel, version: str) -> None:
    package = f"grpc.reflection.{version}"
    kind = schema.message_type(f"{package}.ServerReflectionRequest")
    call = channel.stream_stream(
        f"/{package}.ServerReflection/ServerReflectionInfo",
        response_deserializer=reader(f"{package}.ServerReflectionResponse"),
    )
    wishes = [
        kind(list_services="*"),
        kind(file_containing_symbol="inference.GRPCInferenceService"),
        kind(file_by_filename="health.proto"),
        kind(file_containing_symbol="nothing.Here"),
    ]
    sent = iter([one.SerializeToString() for one in wishes])
    services, file, health, nothing = call(sent, timeout=PATIENCE_S)
    names = {one.name for one in services.list_services_response.service}
    assert {"inference.GRPCInferenceService", "grpc.health.v1.Health"} <= names
    assert b"ModelStreamInfer" in file.file_descriptor_response.file_descriptor_proto[0]
    assert b"HealthCheckRequest" in health.file_descriptor_response.file_descriptor_proto[0]
    assert nothing.error_response.error_code == 5


def test_a_port_of_grpc_tells_browsers_what_it_is(server: Child) -> None:
    answer = Child(server.process, server.host, server.grpc_port).ask("/")
    assert (answer.status, answer.body) == (400, b"This port speaks gRPC\n")


@pytest.fixture
def narrow() -> Iterator[Child]:
    """A server that computes one request at a time and lets one wait."""
    with start(concurrency=1, max_queue=1, drain_timeout_s=30, grpc_port=0) as child:
        yield child


def statuses(server: Child, count: int, **more: Any) -> list[tuple[str, str | None]]:
    """The codes of several requests at once, with their retry-after."""
    found: list[tuple[str, str | None]] = []

    def one() -> None:
        with grpc.insecure_channel(server.grpc, [("grpc.enable_retries", 0)]) as channel:
            barrier.wait()
            try:
                infer(channel, request("slow", X[:1, :1]), **more)
                found.append(("OK", None))
            except grpc.RpcError as error:
                trailers = dict(error.trailing_metadata() or ())
                found.append((error.code().name, trailers.get("retry-after")))

    barrier = threading.Barrier(count)
    threads = [threading.Thread(target=one) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def test_overload_is_refused_with_a_time_to_come_back(narrow: Child) -> None:
    found = statuses(narrow, 8)
    refused = [retry for code, retry in found if code == "UNAVAILABLE"]
    assert refused
    assert {code for code, _ in found} == {"OK", "UNAVAILABLE"}
    assert all(retry is not None and int(retry) >= 1 for retry in refused)
    assert narrow.metric(REFUSED % "queue_full") == len(refused)


def test_a_client_that_gives_up_frees_its_place(narrow: Child) -> None:
    with grpc.insecure_channel(narrow.grpc) as channel:
        call = channel.unary_unary(f"{SERVICE}ModelInfer")
        message = request("slow", X[:1, :1]).SerializeToString()
        first = call.future(message, timeout=PATIENCE_S)
        while not (narrow.metric('tradewind_requests_in_flight{model="slow"}') or first.done()):
            pass
        second = call.future(message, timeout=PATIENCE_S)
        while not (narrow.metric('tradewind_requests_waiting{model="slow"}') or first.done()):
            pass
        second.cancel()
        while narrow.metric('tradewind_requests_waiting{model="slow"}'):
            pass
        first.result()


def test_the_client_waits_as_long_as_it_is_told(narrow: Child) -> None:
    retries = Retries(most=30)
    with tradewind.Client(f"grpc://{narrow.grpc}", retries=retries) as client:
        found: list[list[float]] = []

        def one() -> None:
            found.append(client.infer("slow", {"x": X[:1, :1]})["y"].tolist())

        threads = [threading.Thread(target=one) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert found == [X[:1, :1].tolist()] * 4


def test_what_was_accepted_is_answered_when_the_server_stops(narrow: Child) -> None:
    with grpc.insecure_channel(narrow.grpc) as channel:
        call = channel.unary_unary(f"{SERVICE}ModelInfer")
        message = request("slow", X[:1, :1]).SerializeToString()
        pending = call.future(message, timeout=PATIENCE_S)
        while not (narrow.metric('tradewind_requests_in_flight{model="slow"}') or pending.done()):
            pass
        narrow.process.terminate()
        assert pending.result()
    assert narrow.process.wait(timeout=PATIENCE_S) == 0


@pytest.mark.parametrize("scheme", ["http", "grpc"])
def test_our_own_client_is_served(server: Child, scheme: str) -> None:
    address = server.grpc if scheme == "grpc" else f"{server.host}:{server.port}"
    with tradewind.Client(f"{scheme}://{address}") as client:
        assert client.is_ready()
        assert client.is_ready("tiny")
        assert not client.is_ready("nope")
        assert client.metadata("tiny")["inputs"][0]["shape"] == [-1, 4]
        assert {"name": "tiny", "version": "1", "state": "READY", "reason": ""} in client.models()
        np.testing.assert_array_equal(client.infer("tiny", X)["y"], X * 10)
        words = np.array([["a", "é"]], object)
        assert client.infer("echo-BYTES", {"x": words})["y"].tolist() == words.tolist()
        with pytest.raises(Refused, match="unknown model"):
            client.infer("nope", {"x": X})
        with pytest.raises(Refused):
            client.load("nope")
        with pytest.raises(Refused):
            client.unload("nope")


@pytest.mark.parametrize("scheme", ["http", "grpc"])
def test_our_own_client_need_not_wait(server: Child, scheme: str) -> None:
    address = server.grpc if scheme == "grpc" else f"{server.host}:{server.port}"

    async def go() -> None:
        async with tradewind.AsyncClient(f"{scheme}://{address}") as client:
            found = await asyncio.gather(*(client.infer("tiny", X * n) for n in range(8)))
            for number, one in enumerate(found):
                np.testing.assert_array_equal(one["y"], X * number * 10)
            assert await client.is_ready("tiny")
            assert (await client.metadata("tiny"))["name"] == "tiny"
            assert await client.models()
            with pytest.raises(Refused):
                await client.load("nope")
            with pytest.raises(Refused):
                await client.unload("nope")

    asyncio.run(go())


@pytest.mark.parametrize("scheme", ["http", "grpc"])
def test_where_nobody_listens_nobody_answers(scheme: str) -> None:
    with (
        tradewind.Client(f"{scheme}://127.0.0.1:1") as client,
        pytest.raises(tradewind.TradewindError, match="is the server there"),
    ):
        client.is_ready()
