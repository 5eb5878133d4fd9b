"""Several answers to one request, through real sockets."""

import asyncio
import http.client
import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import grpc
import numpy as np
import pytest
from tests.serve.child import Child, start
from tests.serve.recurrent import BAD, COUNTER_STATES, counter, stepped
from tests.serve.sequences.test_over_the_wire import PATIENCE_S, SERVICE, array, message

import tradewind
from tradewind.client import Refused
from tradewind.protocol import schema

GONE = 'tradewind_requests_refused_total{model="slow-counter",reason="client_gone"'
ANSWERED = 'tradewind_requests_answered_total{model="slow-counter"'
MANY = 3000  # steps of the slow model, which would take half a minute


@pytest.fixture(scope="module")
def streaming() -> Iterator[Child]:
    with start(grpc_port=0) as child:
        yield child


@pytest.fixture(scope="module")
def channel(streaming: Child) -> Iterator[grpc.Channel]:
    with grpc.insecure_channel(streaming.grpc) as found:
        yield found


class Events:
    """One request to `infer_stream`, and what is read of its answer."""

    def __init__(self, child: Child, model: str, rows: Any, **parameters: Any) -> None:
        given = np.asarray(rows, np.float32)
        x = {"name": "x", "datatype": "FP32", "shape": given.shape, "data": given.ravel().tolist()}
        asked = json.dumps({"id": "7", "inputs": [x], "parameters": parameters})
        self._connection = http.client.HTTPConnection(child.host, child.port, timeout=PATIENCE_S)
        self._connection.request("POST", f"/v2/models/{model}/infer_stream", asked)
        self.response = self._connection.getresponse()

    def __iter__(self) -> Iterator[tuple[str, Any]]:
        """Yield the name and the content of each event."""
        name = ""
        while line := self.response.readline():
            field, _, text = line.decode().rstrip("\n").partition(": ")
            if field == "event":
                name = text
            elif field == "data":
                yield name, json.loads(text)
                name = ""

    def again(self, path: str) -> Any:
        """Return what the same connection is answered when the stream is over."""
        self._connection.request("GET", path)
        return json.load(self._connection.getresponse())

    def close(self) -> None:
        self.response.close()
        self._connection.close()


def until(holds: Callable[[], bool]) -> None:
    limit_s = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < limit_s
        time.sleep(0.02)


def outputs(answer: Any) -> dict[str, Any]:
    return {one["name"]: one["data"] for one in answer["outputs"]}


def test_each_step_is_an_event(streaming: Child, random: np.random.Generator) -> None:
    rows = random.integers(-9, 9, (7, 2)).astype(np.float32)
    events = Events(streaming, "counter", rows, sequence_id="s", sequence_start=True)
    assert events.response.status == 200
    assert events.response.headers["content-type"] == "text/event-stream"
    found = list(events)
    wanted = list(stepped(counter(), COUNTER_STATES, rows))
    assert [name for name, _ in found] == [""] * 7
    assert [outputs(answer)["y"] for _, answer in found] == [one["y"][0].tolist() for one in wanted]
    assert [outputs(answer)["n"] for _, answer in found] == [[step] for step in range(1, 8)]
    assert {answer["id"] for _, answer in found} == {"7"}
    assert events.again("/v2/models")["models"]  # the connection is kept
    events.close()
    more = Events(streaming, "counter", [[0, 0]], sequence_id="s", sequence_end=True)
    assert [outputs(answer)["n"] for _, answer in more] == [[8]]
    more.close()
    assert streaming.metric('tradewind_sequences{model="counter"') == 0


def test_a_model_that_answers_once_sends_one_event(streaming: Child) -> None:
    events = Events(streaming, "tiny", [[1, 2, 3, 4]])
    [(_, answer)] = events
    assert outputs(answer) == {"y": [10, 20, 30, 40]}
    events.close()


def test_what_cannot_begin_is_refused_as_usual(streaming: Child) -> None:
    events = Events(streaming, "counter", [[1, 1]], sequence_id="unknown")
    assert events.response.status == 404
    assert "sequence_start" in json.load(events.response)["error"]
    events.close()
    binary = Events(streaming, "tiny", [[1, 2, 3, 4]], binary_data_output=True)
    assert binary.response.status == 400
    assert "events are text" in json.load(binary.response)["error"]
    binary.close()


def test_an_error_in_mid_stream_is_an_event(streaming: Child) -> None:
    failed = 'tradewind_requests_failed_total{model="slow-counter"'
    before = streaming.metric(failed)
    rows = [[1, 1], [2, 2], [BAD, 0], [3, 3]]
    events = Events(streaming, "slow-counter", rows, sequence_id="e", sequence_start=True)
    (_, first), (_, second), (name, error) = events
    assert [outputs(first)["n"], outputs(second)["n"]] == [[1], [2]]
    assert (name, "the log of the server says more" in error["error"]) == ("error", True)
    events.close()
    assert streaming.metric(failed) == before + 1
    # the sequence is where its last answer left it
    more = Events(streaming, "slow-counter", [[0, 0]], sequence_id="e", sequence_end=True)
    assert [outputs(answer)["n"] for _, answer in more] == [[3]]
    more.close()


def test_a_client_that_hangs_up_ends_the_computing(streaming: Child) -> None:
    before, answered = streaming.metric(GONE), streaming.metric(ANSWERED)
    rows = np.ones((MANY, 2))
    events = Events(streaming, "slow-counter", rows, sequence_id="g", sequence_start=True)
    _, first = next(iter(events))
    assert outputs(first)["n"] == [1]
    events.close()
    until(lambda: streaming.metric(GONE) == before + 1)
    assert streaming.metric(ANSWERED) == answered
    rest = Events(streaming, "slow-counter", [[0, 0]], sequence_id="g", sequence_end=True)
    [(_, last)] = rest
    assert 2 <= outputs(last)["n"][0] < MANY
    rest.close()


def stream(channel: grpc.Channel) -> Any:
    read = schema.message_type("inference.ModelStreamInferResponse").FromString
    return channel.stream_stream(f"{SERVICE}ModelStreamInfer", response_deserializer=read)


def named(model: str, rows: Any, **parameters: Any) -> bytes:
    found = message(rows, **parameters)
    found.model_name, found.id = model, "7"
    written: bytes = found.SerializeToString()
    return written


def test_each_step_is_a_response_of_grpc(channel: grpc.Channel) -> None:
    one = named("counter", [[1, 1]] * 3, sequence_id=5, sequence_start=True)
    two = named("counter", [[1, 1]] * 2, sequence_id=5, sequence_end=True)
    answers = [one.infer_response for one in stream(channel)(iter([one, two]), timeout=PATIENCE_S)]
    assert [array(answer, "n", np.int64).item() for answer in answers] == [1, 2, 3, 4, 5]
    finals = [answer.parameters["triton_final_response"].bool_param for answer in answers]
    assert finals == [False, False, True, False, True]
    assert {answer.id for answer in answers} == {"7"}


def test_what_takes_long_to_read_keeps_its_place(channel: grpc.Channel) -> None:
    count = 2100
    long = message([[0, 0]], sequence_id=7, sequence_start=True)
    long.model_name = "counter"
    del long.raw_input_contents[:]
    long.inputs[0].shape[:] = [count, 2]
    # more than 16 KiB of typed elements are read on a thread
    long.inputs[0].contents.fp32_contents.extend([1.0] * count * 2)
    short = named("counter", [[1, 1]], sequence_id=7, sequence_end=True)
    asked = iter([long.SerializeToString(), short])
    answers = [one.infer_response for one in stream(channel)(asked, timeout=PATIENCE_S)]
    steps = [array(answer, "n", np.int64).item() for answer in answers]
    assert steps == list(range(1, count + 2))


def test_an_error_in_mid_stream_leaves_the_rest_of_the_stream(channel: grpc.Channel) -> None:
    bad = named("slow-counter", [[1, 1], [BAD, 1]], sequence_id=6, sequence_start=True)
    good = named("slow-counter", [[1, 1]], sequence_id=6, sequence_end=True)
    first, error, last = stream(channel)(iter([bad, good]), timeout=PATIENCE_S)
    assert array(first.infer_response, "n", np.int64).item() == 1
    assert "the log of the server says more" in error.error_message
    assert error.infer_response.id == "7"
    assert array(last.infer_response, "n", np.int64).item() == 2


def test_a_cancelled_stream_ends_the_computing(streaming: Child, channel: grpc.Channel) -> None:
    before, answered = streaming.metric(GONE), streaming.metric(ANSWERED)
    asked = named("slow-counter", np.ones((MANY, 2)), sequence_id=8, sequence_start=True)
    call = stream(channel)(iter([asked]), timeout=PATIENCE_S)
    assert array(next(call).infer_response, "n", np.int64).item() == 1
    call.cancel()
    until(lambda: streaming.metric(GONE) == before + 1)
    assert streaming.metric(ANSWERED) == answered


def test_unary_calls_get_all_steps_at_once(channel: grpc.Channel) -> None:
    read = schema.message_type("inference.ModelInferResponse").FromString
    call = channel.unary_unary(f"{SERVICE}ModelInfer", response_deserializer=read)
    asked = named("counter", [[1, 1]] * 3, sequence_id=9, sequence_start=True, sequence_end=True)
    answer = call(asked, timeout=PATIENCE_S)
    assert array(answer, "n", np.int64).ravel().tolist() == [1, 2, 3]
    assert not answer.parameters


@pytest.mark.parametrize("protocol", ["http", "grpc"])
def test_our_client_gets_each_step(streaming: Child, protocol: str) -> None:
    address = streaming.grpc if protocol == "grpc" else f"{streaming.host}:{streaming.port}"
    live = 'tradewind_sequences{model="slow-counter"'
    others = streaming.metric(live)
    with tradewind.Client(f"{protocol}://{address}") as client:
        with client.sequence("slow-counter") as sequence:
            ones = np.ones((3, 2), np.float32)
            steps = [one["n"].item() for one in sequence.stream({"x": ones})]
            assert steps == [1, 2, 3]
            assert sequence.infer(ones)["n"].ravel().tolist() == [4, 5, 6]
            stream = sequence.stream(np.array([[1, 1], [BAD, 1]], np.float32))
            assert next(stream)["n"].item() == 7
            with pytest.raises(Refused, match="the log of the server says more"):
                next(stream)
            before = streaming.metric(GONE)
            many = sequence.stream(np.ones((MANY, 2), np.float32))
            assert next(many)["n"].item() == 8
            many.close()
            until(lambda: streaming.metric(GONE) == before + 1)
        assert streaming.metric(live) == others
        with pytest.raises(Refused, match="sequence_id"):
            list(client.stream("counter", np.ones((1, 2), np.float32)))


@pytest.mark.parametrize("protocol", ["http", "grpc"])
def test_our_asynchronous_client_gets_each_step(streaming: Child, protocol: str) -> None:
    address = streaming.grpc if protocol == "grpc" else f"{streaming.host}:{streaming.port}"

    async def ask() -> list[int]:
        ones = np.ones((3, 2), np.float32)
        url = f"{protocol}://{address}"
        async with tradewind.AsyncClient(url) as client, client.sequence("counter") as steps:
            return [one["n"].item() async for one in steps.stream(ones, is_last=True)]

    assert asyncio.run(ask()) == [1, 2, 3]
    assert streaming.metric('tradewind_sequences{model="counter"') == 0
