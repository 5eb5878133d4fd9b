"""Answers that come one by one, without a network."""

import asyncio
import json

import numpy as np
import pytest
from tests.client.test_client import BUSY, QUICK, AsyncScript, Script, X, answer

from tradewind.client import AsyncClient, Client, Refused
from tradewind.client.asking import Received
from tradewind.client.events import Events

BROKEN = Received(b"", {}, "error", "model tiny: expected an answer")


def test_every_answer_is_told() -> None:
    line = Script(answer(y=X), answer(y=2 * X))
    client = Client("http://here", line=line)
    found = list(client.stream("tiny", {"x": X}, outputs=["y"]))
    assert [one["y"][0, 0] for one in found] == [1, 2]
    sent, _, _ = line.asked[0]
    assert sent.path == "POST /v2/models/tiny/infer_stream"
    head = json.loads(sent.body[: int(sent.headers["inference-header-content-length"])])
    assert "binary_data_output" not in head["parameters"]


def test_a_stream_is_asked_for_again_only_before_its_first_answer() -> None:
    line = Script(BUSY, answer(y=X), BUSY)
    stream = Client("http://here", retries=QUICK, line=line).stream("tiny", {"x": X})
    assert next(stream)["y"].tolist() == X.tolist()
    with pytest.raises(Refused, match="expected room"):
        next(stream)
    assert len(line.asked) == 2


def test_what_breaks_in_mid_stream_is_told() -> None:
    stream = Client("http://here", line=Script(answer(y=X), BROKEN)).stream("tiny", {"x": X})
    next(stream)
    with pytest.raises(Refused, match="expected an answer") as caught:
        next(stream)
    assert caught.value.status == "error"


def test_the_asynchronous_client_streams_as_well() -> None:
    async def ask() -> list[float]:
        line = AsyncScript(BUSY, answer(y=X), answer(y=2 * X))
        async with AsyncClient("http://here", retries=QUICK, line=line) as client:
            return [one["y"][0, 0] async for one in client.stream("tiny", {"x": X})]

    assert asyncio.run(ask()) == [1, 2]


def test_numbers_that_json_does_not_have_are_read() -> None:
    body = (
        b'{"outputs": [{"name": "y", "datatype": "FP32", "shape": [2], "data": [NaN, -Infinity]}]}'
    )
    client = Client("http://here", line=Script(Received(body, {})))
    [found] = client.stream("tiny", {"x": X})
    np.testing.assert_array_equal(found["y"], np.array([np.nan, -np.inf], np.float32))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("data: {}\n\n", [("", "{}")]),
        ("data:1\ndata: 2\n\n", [("", "1\n2")]),
        (": a remark\nid: 7\n\ndata: x\n\n", [("", "x")]),
        ('event: error\ndata: {"error": "no"}\n\n', [("error", "no")]),
        ("event: error\ndata: none\n\ndata: y\n\n", [("error", "none"), ("", "y")]),
        ("data: only the beginning\n", []),
    ],
)
def test_events_are_read_line_by_line(text: str, found: list[tuple[str, str]]) -> None:
    events = Events()
    taken = [events.take(line) for line in text.split("\n")[:-1]]
    assert [(one.status, one.message or one.body.decode()) for one in taken if one] == found
