"""Sequences through real sockets: what clients of both protocols see."""

import asyncio
import json
import threading
from collections.abc import Iterator
from typing import Any

import grpc
import numpy as np
import pytest
from tests.serve.child import Answer, Child, start
from tests.serve.recurrent import COUNTER_STATES, counter, stepped

import tradewind
from tradewind.client import Refused
from tradewind.protocol import schema
from tradewind.tensors import Array

SERVICE = "/inference.GRPCInferenceService/"
PATIENCE_S = 60
REFUSED = 'tradewind_requests_refused_total{model="counter",reason="%s"}'


@pytest.fixture(scope="module")
def remembering() -> Iterator[Child]:
    """A server that remembers few sequences, and not for long."""
    with start(grpc_port=0, sequences={"max_live": 8, "idle_s": 30}, concurrency=1) as child:
        yield child


@pytest.fixture(scope="module")
def channel(remembering: Child) -> Iterator[grpc.Channel]:
    with grpc.insecure_channel(remembering.grpc) as found:
        yield found


def rest(child: Child, rows: Any, **parameters: Any) -> Answer:
    array = np.asarray(rows, np.float32)
    x = {"name": "x", "datatype": "FP32", "shape": array.shape, "data": array.ravel().tolist()}
    return child.infer("counter", {"inputs": [x], "parameters": parameters})


def told(answer: Answer) -> dict[str, Any]:
    assert answer.status == 200, answer.body
    return {one["name"]: one["data"] for one in answer.json["outputs"]}


def message(rows: Any, **parameters: Any) -> Any:
    array = np.asarray(rows, np.float32)
    found = schema.message_type("inference.ModelInferRequest")(model_name="counter")
    found.inputs.add(name="x", datatype="FP32", shape=list(array.shape))
    found.raw_input_contents.append(array.tobytes())
    for name, value in parameters.items():
        kind = {bool: "bool_param", int: "uint64_param", str: "string_param"}[type(value)]
        setattr(found.parameters[name], kind, value)
    return found


def infer(channel: grpc.Channel, rows: Any, **parameters: Any) -> Any:
    read = schema.message_type("inference.ModelInferResponse").FromString
    call = channel.unary_unary(f"{SERVICE}ModelInfer", response_deserializer=read)
    return call(message(rows, **parameters).SerializeToString(), timeout=PATIENCE_S)


def array(answer: Any, name: str, dtype: Any) -> Array:
    place = [one.name for one in answer.outputs].index(name)
    found = np.frombuffer(answer.raw_output_contents[place], dtype)
    return found.reshape(list(answer.outputs[place].shape))


def test_states_are_neither_asked_for_nor_told(remembering: Child, channel: grpc.Channel) -> None:
    about = remembering.ask("/v2/models/counter").json
    assert [one["name"] for one in about["inputs"]] == ["x"]
    assert [one["name"] for one in about["outputs"]] == ["y", "n"]
    assert "sequence" in remembering.ask("/v2").json["extensions"]
    config = remembering.ask("/v2/models/counter/config").json
    assert config["max_batch_size"] > 0
    assert [one["name"] for one in config["input"]] == ["x"]
    assert config["sequence_batching"] == {"max_sequence_idle_microseconds": 30_000_000}
    assert "sequence_batching" not in remembering.ask("/v2/models/tiny/config").json
    about = schema.message_type("inference.ModelConfigRequest")(name="counter")
    read = schema.message_type("inference.ModelConfigResponse").FromString
    told_there = channel.unary_unary(f"{SERVICE}ModelConfig", response_deserializer=read)(
        about.SerializeToString(), timeout=PATIENCE_S
    )
    idle_us = told_there.config.sequence_batching.max_sequence_idle_microseconds
    assert idle_us == 30_000_000
    body = {"name": "sum_in", "datatype": "FP32", "shape": [1, 2], "data": [0, 0]}
    refused = remembering.infer("counter", {"inputs": [body], "parameters": {"sequence_id": 1}})
    assert (refused.status, "each of x once" in refused.error) == (400, True)


def test_a_sequence_goes_on_over_both_protocols(remembering: Child, channel: grpc.Channel) -> None:
    assert told(rest(remembering, [[1, 2]], sequence_id="s", sequence_start=True)) == {
        "y": [1.5, 2.5],
        "n": [1],
    }
    answer = infer(channel, [[1, 1], [10, 10]], sequence_id="s")
    assert array(answer, "y", np.float32).tolist() == [[2.5, 3.5], [12.5, 13.5]]
    assert array(answer, "n", np.int64).tolist() == [[2], [3]]
    assert remembering.metric('tradewind_sequences{model="counter"') == 1
    assert remembering.metric('tradewind_sequence_bytes{model="counter"') == 2 * 4 + 8
    assert told(rest(remembering, [[0, 0]], sequence_id="s", sequence_end=True))["n"] == [4]
    assert remembering.metric('tradewind_sequences{model="counter"') == 0
    assert rest(remembering, [[0, 0]], sequence_id="s").status == 404


def test_what_cannot_be_answered_is_refused_and_counted(
    remembering: Child, channel: grpc.Channel
) -> None:
    before = {one: remembering.metric(REFUSED % one) for one in ("invalid", "unknown_sequence")}
    assert "parameters.sequence_id" in rest(remembering, [[1, 1]]).error
    unknown = rest(remembering, [[1, 1]], sequence_id=77)
    assert (unknown.status, "sequence_start" in unknown.error) == (404, True)
    with pytest.raises(grpc.RpcError) as caught:
        infer(channel, [[1, 1]], sequence_id=77)
    assert caught.value.code().name == "NOT_FOUND"
    assert remembering.metric(REFUSED % "invalid") == before["invalid"] + 1
    assert remembering.metric(REFUSED % "unknown_sequence") == before["unknown_sequence"] + 2


def test_too_many_sequences_are_refused(remembering: Child, channel: grpc.Channel) -> None:
    for number in range(100, 108):
        assert rest(remembering, [[1, 1]], sequence_id=number, sequence_start=True).status == 200
    try:
        full = rest(remembering, [[1, 1]], sequence_id=108, sequence_start=True)
        assert full.status == 429
        assert 1 <= int(full.headers["retry-after"]) <= 30
        with pytest.raises(grpc.RpcError) as caught:
            infer(channel, [[1, 1]], sequence_id=108, sequence_start=True)
        assert caught.value.code().name == "RESOURCE_EXHAUSTED"
    finally:
        for number in range(100, 108):
            rest(remembering, np.zeros((0, 2)), sequence_id=number, sequence_end=True)
    assert remembering.metric('tradewind_sequences{model="counter"') == 0


def test_sequences_of_many_clients_do_not_mix(
    remembering: Child, channel: grpc.Channel, random: np.random.Generator
) -> None:
    given = [random.integers(-9, 9, (6, 2)).astype(np.float32) for _ in range(6)]
    found: list[list[Any]] = [[] for _ in given]

    def ask(index: int) -> None:
        for step, row in enumerate(given[index]):
            said: dict[str, Any] = {
                "sequence_id": f"client {index}",
                "sequence_start": step == 0,
                "sequence_end": step == 5,
            }
            if (step + index) % 2:
                y = array(infer(channel, [row], **said), "y", np.float32)[0].tolist()
            else:
                y = told(rest(remembering, [row], **said))["y"]
            found[index].append(y)

    threads = [threading.Thread(target=ask, args=(index,)) for index in range(len(given))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for rows, answers in zip(given, found, strict=True):
        wanted = [one["y"][0].tolist() for one in stepped(counter(), COUNTER_STATES, rows)]
        assert answers == wanted


def test_a_stream_computes_the_requests_of_a_sequence_in_their_order(channel: grpc.Channel) -> None:
    read = schema.message_type("inference.ModelStreamInferResponse").FromString
    stream = channel.stream_stream(f"{SERVICE}ModelStreamInfer", response_deserializer=read)
    asked = []
    for step in range(20):
        for name in ("a", "b"):
            said: dict[str, Any] = {"sequence_start": step == 0, "sequence_end": step == 19}
            asked.append(message([[1, 0]], sequence_id=name, **said))
    sent = iter([one.SerializeToString() for one in asked])
    answers = list(stream(sent, timeout=PATIENCE_S))
    assert not [one.error_message for one in answers if one.error_message]
    steps = [array(one.infer_response, "n", np.int64).item() for one in answers]
    assert steps == [number for number in range(1, 21) for _ in "ab"]


def test_the_description_says_that_a_sequence_is_needed(remembering: Child) -> None:
    body = json.loads(remembering.ask("/openapi.json").body)
    schemas = body["paths"]["/v2/models/counter/infer"]["post"]["requestBody"]["content"]
    wanted = schemas["application/json"]["schema"]
    assert wanted["required"] == ["inputs", "parameters"]
    assert wanted["properties"]["parameters"]["required"] == ["sequence_id"]


@pytest.mark.parametrize("protocol", ["http", "grpc"])
def test_our_client_begins_and_ends_sequences(remembering: Child, protocol: str) -> None:
    address = remembering.grpc if protocol == "grpc" else f"{remembering.host}:{remembering.port}"
    one, ten = np.ones((1, 2), np.float32), np.full((2, 2), 10, np.float32)
    with tradewind.Client(f"{protocol}://{address}") as client:
        with client.sequence("counter") as first, client.sequence("counter") as second:
            assert first.infer({"x": one})["n"].tolist() == [[1]]
            assert second.infer(one, outputs=["y"])["y"].tolist() == [[1.5, 1.5]]
            assert first.infer(ten)["y"][:, 0].tolist() == [11.5, 21.5]
            assert second.infer(one, is_last=True)["n"].item() == 2
            assert remembering.metric('tradewind_sequences{model="counter"') == 1
            assert second.infer(one)["n"].item() == 1
        assert remembering.metric('tradewind_sequences{model="counter"') == 0
        with pytest.raises(Refused, match="each of x once"), client.sequence("counter") as wrong:
            wrong.infer({"z": one})


def test_our_asynchronous_client_does_too(remembering: Child) -> None:
    async def ask() -> list[int]:
        one = np.ones((1, 2), np.float32)
        url = f"http://{remembering.host}:{remembering.port}"
        async with tradewind.AsyncClient(url) as client, client.sequence("counter") as steps:
            return [(await steps.infer({"x": one}))["n"].item() for _ in range(3)]

    assert asyncio.run(ask()) == [1, 2, 3]
    assert remembering.metric('tradewind_sequences{model="counter"') == 0
