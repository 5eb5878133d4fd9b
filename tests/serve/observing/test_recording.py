"""What a running server records."""

import json
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.serve.child import Answer, Child, spawn, start, tensor

from tradewind.errors import SettingError
from tradewind.serve.observing import Observing
from tradewind.serve.observing.captured import read

REQUEST = {"id": "seven", **tensor([1.0, 2.0, 3.0, 4.0])}


def eventually(happened: Callable[[], bool]) -> bool:
    """Wait for something that a thread of the server does in its own time."""
    deadline_s = time.monotonic() + 60
    while not happened():
        if time.monotonic() > deadline_s:
            return False
        time.sleep(0.02)
    return True


def stop(server: Child) -> None:
    server.process.terminate()
    assert server.process.wait(60) == 0


def test_the_access_log_has_a_line_for_every_request(tmp_path: Path) -> None:
    path = tmp_path / "access.log"
    with start(observing={"access_log": str(path)}) as server:
        server.infer("tiny", REQUEST)
        server.ask("/v2/models/tiny/infer", b"no JSON")
        server.ask("/nowhere")
        server.infer("broken", tensor([1.0], [1]))
        server.ask("/v2/health/live")
        assert "tradewind_records_dropped_total" in server.ask("/metrics").body.decode()
        stop(server)
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    shown = [(one["method"], one["path"], one["status"]) for one in lines]
    assert shown == [
        ("POST", "/v2/models/tiny/infer", 200),
        ("POST", "/v2/models/tiny/infer", 400),
        ("GET", "/nowhere", 404),
        ("POST", "/v2/models/broken/infer", 500),
        ("GET", "/v2/health/live", 200),
        ("GET", "/metrics", 200),
    ]
    first = lines[0]
    assert (first["model"], first["version"], first["request_id"]) == ("tiny", "1", "seven")
    assert first["received_bytes"] == len(json.dumps(REQUEST))
    assert first["sent_bytes"] > 0
    assert set(first["ms"]) == {"read", "queue", "compute", "encode", "total"}
    parts = sum(value for name, value in first["ms"].items() if name != "total")
    assert 0 < parts <= first["ms"]["total"] + 0.003  # each is rounded
    assert lines[1]["reason"] == "invalid"
    assert lines[2]["reason"] == "not_found"
    assert lines[3]["reason"] == "failed"


def test_the_access_log_may_go_to_stderr() -> None:
    with start(observing={"access_log": "-"}) as server:
        server.infer("tiny", REQUEST)
        server.process.terminate()
        _, told = server.process.communicate(timeout=60)
    assert '"path":"/v2/models/tiny/infer","status":200' in told


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_a_full_disk_under_the_access_log_hurts_no_answer() -> None:
    with start(observing={"access_log": "/dev/full"}) as server:
        assert all(server.infer("tiny", REQUEST).status == 200 for _ in range(20))
        dropped = 'tradewind_records_dropped_total{kind="access_log"}'
        assert eventually(lambda: server.metric(dropped) >= 20)
        stop(server)


def test_answers_are_captured_and_survive_a_restart(tmp_path: Path) -> None:
    capture = {"folder": str(tmp_path), "rate": 1.0}
    for _ in range(2):
        with start(observing={"capture": capture}) as server:
            assert server.infer("tiny", REQUEST).status == 200
            server.infer("broken", tensor([1.0], [1]))
            stop(server)
    found = list(read(tmp_path))
    assert [one.request_id for one in found] == ["seven", "seven"]
    assert [one.model for one in found] == ["tiny", "tiny"]
    for one in found:
        np.testing.assert_array_equal(one.inputs["x"], [[1, 2, 3, 4]])
        np.testing.assert_array_equal(one.outputs["y"], [[10, 20, 30, 40]])


SMALL_DISK = """
import resource, runpy, signal, sys
sys.dont_write_bytecode = True
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # writing more is then an OSError
resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def test_a_disk_that_takes_no_more_ends_the_capture_and_no_answer(tmp_path: Path) -> None:
    folder = tmp_path / "captured"
    settings = {"capture": {"folder": str(folder), "rate": 1.0, "max_bytes": 2**20}}
    with start(observing=settings, wrapper=SMALL_DISK) as server:
        numbers = np.random.default_rng().normal(size=(2000, 4)).ravel().tolist()
        request = tensor(numbers, [2000, 4])
        answers: list[Answer] = [server.infer("tiny", request) for _ in range(20)]
        assert {answer.status for answer in answers} == {200}
        dropped = 'tradewind_records_dropped_total{kind="capture"}'
        assert eventually(lambda: server.metric(dropped) > 0)
        assert server.infer("tiny", request).status == 200
        server.process.terminate()
        _, told = server.process.communicate(timeout=60)
    assert told.count("capturing has ended, the server goes on") == 1
    assert list(folder.iterdir()) == []


def test_a_response_tells_where_its_time_went_when_that_was_asked_for(server: Child) -> None:
    assert "server-timing" not in server.infer("tiny", REQUEST).headers
    with start(observing={"server_timing": True}) as telling:
        header = telling.infer("slow", tensor([1.0])).headers["server-timing"]
    spent = {name: float(value) for name, value in re.findall(r"(\w+);dur=([\d.]+)", header)}
    assert list(spent) == ["read", "queue", "compute", "encode", "total"]
    assert spent["compute"] >= 200  # the model sleeps for so long
    assert sum(spent.values()) - spent["total"] <= spent["total"] + 0.003


@pytest.mark.parametrize(
    "changed",
    [{"trace_rate": 2.0}, {"watts_per_core": -1.0}, {"otlp_endpoint": "localhost:4318"}],
)
def test_settings_out_of_range_are_refused(changed: dict[str, Any]) -> None:
    with pytest.raises(SettingError):
        Observing(**changed)


def test_a_log_that_cannot_be_opened_is_said_at_the_start(tmp_path: Path) -> None:
    process = spawn(observing={"access_log": str(tmp_path / "no" / "folder")})
    _, told = process.communicate(timeout=120)
    assert process.returncode == 2
    assert "access_log: expected a file to write to" in told
