from pathlib import Path

import pytest

from tradewind.serve.refusals import Reason, Refusal
from tradewind.serve.security import Gate, Right
from tradewind.serve.security.gate import host_of, is_loopback
from tradewind.serve.security.keys import new_key, write_keys
from tradewind.serve.security.limits import Limits
from tradewind.serve.security.locks import KeyFile

HERE = "127.0.0.1:5"


def refusal(gate: Gate, headers: dict[str, str], right: Right, model: str = "") -> Refusal:
    with pytest.raises(Refusal) as caught:
        gate.check(headers, right, model, HERE)
    return caught.value


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "keys.json"


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


def test_an_open_gate_lets_everybody_ask_and_names_them_by_address() -> None:
    assert Gate().check({}, Right.INFER, "m", "10.0.0.7:1234").name == "10.0.0.7"
    assert Gate().check({}, Right.READ, "", "[2001:db8::1]:1234").name == "2001:db8::1"


def test_an_open_gate_lets_this_machine_manage() -> None:
    Gate().check({"host": "localhost:8000"}, Right.MANAGE, "m", HERE)
    Gate().check({"host": "[::1]:8000"}, Right.MANAGE, "m", "[::1]:5")


@pytest.mark.parametrize(
    ("peer", "headers", "got"),
    [
        ("10.0.0.7:1", {}, "elsewhere"),
        ("[2001:db8::1]:1", {}, "elsewhere"),
        ("", {}, "elsewhere"),
        (HERE, {"x-forwarded-for": "10.0.0.7"}, "a proxy"),
        (HERE, {"forwarded": "for=10.0.0.7"}, "a proxy"),
        (HERE, {"origin": "https://example.com"}, "a browser"),
        (HERE, {"origin": "null"}, "a browser"),
        (HERE, {"host": "rebound.example.com:8000"}, "another host"),
    ],
)
def test_an_open_gate_lets_nobody_else_manage(peer: str, headers: dict[str, str], got: str) -> None:
    with pytest.raises(Refusal, match=got) as caught:
        Gate().check(headers, Right.MANAGE, "m", peer)
    assert caught.value.reason is Reason.FORBIDDEN


def test_only_this_machine_is_the_loopback() -> None:
    inside = ("127.0.0.1:1", "127.9.9.9:1", "[::1]:1", "::ffff:127.0.0.1:1", "ipv4:127.0.0.1:1")
    outside = ("10.0.0.1:1", "[2001:db8::1]:1", "0.0.0.0:1", "", "::ffff:8.8.8.8:1", "x:1")
    assert all(is_loopback(host_of(one)) for one in inside)
    assert not any(is_loopback(host_of(one)) for one in outside)


@pytest.mark.parametrize("right", Right)
@pytest.mark.parametrize("given", ["", "Basic YTpi", "Bearer ", "Bearer tw_nobody", "bearer"])
def test_a_locked_gate_opens_for_no_other_token(given: str, right: Right, path: Path) -> None:
    write_keys(path, (new_key("web")[0],))
    found = refusal(Gate([KeyFile(path)]), {"authorization": given} if given else {}, right)
    assert found.reason is Reason.UNAUTHENTICATED


def test_a_key_gives_its_scopes_and_no_others(path: Path) -> None:
    tokens = {}
    keys = []
    for right in Right:
        key, tokens[right] = new_key(right, (right,))
        keys.append(key)
    write_keys(path, tuple(keys))
    gate = Gate([KeyFile(path)])
    for given, token in tokens.items():
        assert gate.check(bearer(token), given, "m", HERE).name == given
        for asked in set(Right) - {given}:
            assert refusal(gate, bearer(token), asked).reason is Reason.FORBIDDEN


def test_a_key_gives_its_models_and_no_others(path: Path) -> None:
    key, token = new_key("web", models=("spam-*", "fraud"))
    write_keys(path, (key,))
    gate = Gate([KeyFile(path)])
    for model in ("spam-1", "spam-", "fraud", ""):
        gate.check(bearer(token), Right.INFER, model)
    for model in ("fraud2", "spam", "SPAM-1", "x/spam-1"):
        assert refusal(gate, bearer(token), Right.INFER, model).reason is Reason.FORBIDDEN


def test_requests_beyond_the_limit_of_a_key_are_refused(path: Path) -> None:
    (one, token), (other, second) = new_key("web", limits=Limits(requests_per_day=2)), new_key("b")
    write_keys(path, (one, other))
    gate = Gate([KeyFile(path)])
    for _ in range(2):
        gate.check(bearer(token), Right.INFER, "m")
    gate.check(bearer(token), Right.READ, "m")
    assert refusal(gate, bearer(token), Right.INFER).reason is Reason.RATE_LIMITED
    gate.check(bearer(second), Right.INFER, "m")


def test_a_new_key_opens_after_a_look_at_the_file(path: Path) -> None:
    write_keys(path, ())
    gate = Gate([KeyFile(path)])
    key, token = new_key("web")
    write_keys(path, (key,))
    gate.refresh()
    assert gate.check(bearer(token), Right.INFER).name == "web"
