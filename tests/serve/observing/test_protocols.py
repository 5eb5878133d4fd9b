"""What is recorded of a request is the same for every protocol."""

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from tests.serve.child import Child, start

from tradewind.client import Client, Refused, Retries
from tradewind.serve.observing.captured import Captured, read

X = np.array([[1, 2, 3, 4], [5, 6, 7, 8]], np.float32)


@dataclass(frozen=True)
class Recorded:
    """What a server told after it had been asked over both protocols."""

    lines: list[dict[str, Any]]
    captured: list[Captured]
    counted: dict[str, float]

    def line(self, protocol: str, request_id: str) -> dict[str, Any]:
        [found] = [
            one
            for one in self.lines
            if (one["protocol"], one.get("request_id")) == (protocol, request_id)
        ]
        return found


def ask(server: Child) -> dict[str, float]:
    urls = {"http": f"http://{server.host}:{server.port}", "grpc": f"grpc://{server.grpc}"}
    for protocol, url in urls.items():
        with Client(url, retries=Retries(most=0)) as client:
            client.infer("tiny", {"x": X}, request_id=f"good {protocol}")
            for model, name in (("nothing", "unknown"), ("broken", "broken")):
                with pytest.raises(Refused):
                    client.infer(model, {"x": X[0]}, request_id=f"{name} {protocol}")
    names = ("requests_answered_total", "examples_total", "decode_seconds_total",
             "encode_seconds_total", "batch_examples_count")  # fmt: skip
    return {name: server.metric(f'tradewind_{name}{{model="tiny"}}') for name in names}


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    folder = tmp_path_factory.mktemp("recorded")
    observing = {
        "access_log": str(folder / "log"),
        "capture": {"folder": str(folder / "captured"), "rate": 1.0},
    }
    with start(observing=observing, grpc_port=0) as server:
        counted = ask(server)
        server.process.terminate()
        assert server.process.wait(60) == 0
    lines = [json.loads(line) for line in (folder / "log").read_text().splitlines()]
    return Recorded(lines, list(read(folder / "captured")), counted)


@pytest.mark.parametrize("protocol", ["http", "grpc"])
def test_an_answer_has_a_line_with_its_parts(protocol: str, recorded: Recorded) -> None:
    line = recorded.line(protocol, f"good {protocol}")
    assert line["status"] == {"http": 200, "grpc": "OK"}[protocol]
    assert (line["model"], line["version"]) == ("tiny", "1")
    assert line["examples"] == 2
    assert line["received_bytes"] > 32
    assert line["sent_bytes"] > 32
    assert set(line["ms"]) == {"read", "queue", "compute", "encode", "total"}
    assert all(value >= 0 for value in line["ms"].values())


@pytest.mark.parametrize("protocol", ["http", "grpc"])
def test_a_model_that_breaks_has_a_line_that_says_so(protocol: str, recorded: Recorded) -> None:
    line = recorded.line(protocol, f"broken {protocol}")
    assert line["status"] == {"http": 500, "grpc": "INTERNAL"}[protocol]
    assert line["reason"] == "failed"


@pytest.mark.parametrize("protocol", ["http", "grpc"])
def test_an_unknown_model_has_a_line_with_the_reason(protocol: str, recorded: Recorded) -> None:
    [line] = [
        one
        for one in recorded.lines
        if one["protocol"] == protocol and one.get("reason") == "unknown_model"
    ]
    assert line["status"] == {"http": 404, "grpc": "NOT_FOUND"}[protocol]


@pytest.mark.parametrize("protocol", ["http", "grpc"])
def test_an_answer_is_captured(protocol: str, recorded: Recorded) -> None:
    [found] = [one for one in recorded.captured if one.request_id == f"good {protocol}"]
    inputs, outputs = found.inputs["x"], found.outputs["y"]
    assert inputs is not None
    assert outputs is not None
    np.testing.assert_array_equal(inputs, X)
    np.testing.assert_array_equal(outputs, X * 10)


def test_both_protocols_count_together(recorded: Recorded) -> None:
    counted = recorded.counted
    assert counted["requests_answered_total"] == 2
    assert counted["examples_total"] == 4
    assert counted["batch_examples_count"] == 2
    assert counted["decode_seconds_total"] > 0
    assert counted["encode_seconds_total"] > 0
