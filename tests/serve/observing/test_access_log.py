import json
import os
from pathlib import Path

import pytest
from tests.serve.observing.accounts import answered

from tradewind.serve.observing import Account, Watch
from tradewind.serve.observing.access_log import AccessLog, line
from tradewind.serve.observing.account import Trace


def test_a_line_says_what_happened_and_where_the_time_went() -> None:
    told = json.loads(line(answered(trace=Trace(255, 1, 0, is_sampled=True))))
    assert told == {
        "time": "2025-06-15T15:06:40.000Z",
        "protocol": "http",
        "method": "POST",
        "path": "/v2/models/m/infer",
        "status": 200,
        "client": "somebody",
        "model": "m",
        "version": "1",
        "request_id": "number 0",
        "examples": 2,
        "together": 8,
        "received_bytes": 100,
        "sent_bytes": 200,
        "trace_id": f"{255:032x}",
        "ms": {"read": 1.0, "queue": 2.0, "compute": 3.0, "encode": 1.0, "total": 10.0},
    }


def test_a_refused_request_has_its_reason_and_no_model() -> None:
    account = Account("http", "GET", "/nowhere", "1.2.3.4:5", 1.0, 5.0, status=404, ended_s=5.25)
    account.reason = "not_found"
    told = json.loads(line(account))
    assert told["reason"] == "not_found"
    assert told["ms"] == {"total": 250.0}
    assert "model" not in told


def test_a_request_cannot_forge_a_line() -> None:
    account = answered()
    account.request_id = 'x"}\n{"status": 200'
    assert line(account).count(b"\n") == 1
    assert json.loads(line(account))["request_id"] == account.request_id


def test_records_do_not_grow_with_what_the_client_sends() -> None:
    account = Watch([], []).open("http", "GET", "/" + "x" * 10**6, "here", None)
    assert len(line(account)) < 2000


def test_lines_are_appended_and_the_file_may_be_moved_away(tmp_path: Path) -> None:
    path, moved = tmp_path / "log", tmp_path / "log.1"
    path.write_text("before\n")
    log = AccessLog(path)
    log.write([answered(1), answered(2)])
    path.rename(moved)
    log.write([answered(3)])
    path.unlink()
    log.write([answered(4)])
    log.close()
    assert moved.read_text().splitlines()[0] == "before"
    ids = [json.loads(text)["request_id"] for text in moved.read_text().splitlines()[1:]]
    assert ids == ["number 1", "number 2"]
    assert json.loads(path.read_text())["request_id"] == "number 4"


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no device that is always full")  # noqa: PTH110
def test_a_full_disk_is_an_error_that_a_recorder_counts() -> None:
    log = AccessLog(Path("/dev/full"))
    with pytest.raises(OSError, match="space"):
        log.write([answered()])
    log.close()
