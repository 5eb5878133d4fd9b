"""A server with keys, asked from outside."""

import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from tests.serve.child import Child, start, tensor

from tradewind.serve.security import Right
from tradewind.serve.security.keys import new_key, write_keys
from tradewind.serve.security.limits import Limits

REQUEST = tensor([1.0, 2.0, 3.0, 4.0])
LOAD = "/v2/repository/models/tiny/load"
LIMIT_S = 60


@pytest.fixture(scope="module")
def tokens() -> dict[str, str]:
    return {}


@pytest.fixture(scope="module")
def locked(
    tmp_path_factory: pytest.TempPathFactory, tokens: dict[str, str]
) -> Iterator[tuple[Child, Path]]:
    """A server with keys, and the file that they are in."""
    path = tmp_path_factory.mktemp("keys") / "keys.json"
    kinds = {
        "web": ((Right.INFER,), ("tiny",), Limits()),
        "reader": ((Right.READ,), ("*",), Limits()),
        "operator": ((Right.MANAGE,), ("*",), Limits()),
        "few": ((Right.INFER,), ("*",), Limits(requests_per_day=2)),
        "small": ((Right.INFER,), ("*",), Limits(examples_per_day=5)),
    }
    keys = []
    for name, (scopes, models, limits) in kinds.items():
        key, tokens[name] = new_key(name, scopes, models, limits)
        keys.append(key)
    write_keys(path, tuple(keys))
    with start(security={"api_keys": str(path)}) as child:
        yield child, path


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def test_nothing_but_health_is_open(locked: tuple[Child, Path]) -> None:
    child, _ = locked
    for path in ("/", "/v2/health/live", "/v2/health/ready"):
        assert child.ask(path).status == 200
    for path in ("/v2", "/v2/models", "/v2/models/tiny", "/v2/models/tiny/ready", "/metrics"):
        assert child.ask(path).status == 401
    for path in ("/v2/models/tiny/infer", "/v2/models/nope/infer", LOAD, "/v2/repository/index"):
        answer = child.ask(path, b"{}")
        assert answer.status == 401
        assert answer.headers["www-authenticate"].startswith("Bearer")


def test_a_key_opens_what_its_scopes_say(
    locked: tuple[Child, Path], tokens: dict[str, str]
) -> None:
    child, _ = locked
    assert child.infer("tiny", REQUEST, bearer(tokens["web"])).status == 200
    assert child.infer("slow", REQUEST, bearer(tokens["web"])).status == 403
    assert child.ask("/v2/models/tiny", headers=bearer(tokens["web"])).status == 403
    assert child.infer("tiny", REQUEST, bearer(tokens["reader"])).status == 403
    for path in ("/v2", "/v2/models/tiny", "/metrics"):
        assert child.ask(path, headers=bearer(tokens["reader"])).status == 200
    assert child.ask(LOAD, b"", bearer(tokens["web"])).status == 403
    # 501 is the answer of the catalog: the gate was open
    assert child.ask(LOAD, b"", bearer(tokens["operator"])).status == 501


def test_a_refused_client_may_still_send_a_body(locked: tuple[Child, Path]) -> None:
    child, _ = locked
    assert child.ask("/v2/models/tiny/infer", bytes(2**20)).status == 401


def test_limits_are_told_with_the_time_to_wait(
    locked: tuple[Child, Path], tokens: dict[str, str]
) -> None:
    child, _ = locked
    found = [child.infer("tiny", REQUEST, bearer(tokens["few"])) for _ in range(3)]
    assert [one.status for one in found] == [200, 200, 429]
    assert int(found[2].headers["retry-after"]) >= 1
    many = tensor([1.0] * 16, shape=[4, 4])
    small = [child.infer("tiny", many, bearer(tokens["small"])) for _ in range(2)]
    assert [one.status for one in small] == [200, 429]
    assert "5 examples a day" in small[1].error


def test_keys_come_and_go_without_a_restart(
    locked: tuple[Child, Path], tokens: dict[str, str]
) -> None:
    child, path = locked
    key, token = new_key("late")
    expired, old = new_key("old", expires=datetime(2020, 1, 1, tzinfo=UTC))
    before = path.read_bytes()
    write_keys(path, (key, expired))
    end_s = time.monotonic() + LIMIT_S
    while child.infer("tiny", REQUEST, bearer(token)).status != 200:
        assert time.monotonic() < end_s
    assert child.infer("tiny", REQUEST, bearer(tokens["web"])).status == 401
    answer = child.infer("tiny", REQUEST, bearer(old))
    assert (answer.status, "expired" in answer.error) == (401, True)
    path.write_bytes(before)
    while child.infer("tiny", REQUEST, bearer(tokens["web"])).status != 200:
        assert time.monotonic() < end_s
    assert child.infer("tiny", REQUEST, bearer(token)).status == 401


def test_refusals_are_counted(locked: tuple[Child, Path], tokens: dict[str, str]) -> None:
    child, _ = locked
    child.ask("/v2")
    text = child.ask("/metrics", headers=bearer(tokens["reader"])).body.decode()
    assert 'reason="unauthenticated"' in text


def test_managing_has_a_port_of_its_own() -> None:
    with start(admin_port=0) as child:
        assert child.process.stdout is not None
        url = urlsplit(child.process.stdout.readline().strip())
        assert url.port is not None
        admin = replace(child, port=url.port)
        assert child.infer("tiny", REQUEST).status == 200
        answer = child.ask(LOAD, b"")
        assert (answer.status, "another" in answer.error) == (403, True)
        assert admin.ask(LOAD, b"").status == 501
        assert admin.ask("/metrics").status == 200
        child.process.terminate()
        assert child.process.wait(timeout=LIMIT_S) == 0


def test_a_page_in_a_browser_cannot_manage(server: Child) -> None:
    assert server.ask(LOAD, b"").status == 501
    for headers in ({"Origin": "http://evil.example"}, {"Host": "evil.example"}):
        assert server.ask(LOAD, b"", headers).status == 403
