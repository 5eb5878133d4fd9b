import json
import stat
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from tradewind.errors import SettingError
from tradewind.serve.refusals import Reason, Refusal
from tradewind.serve.security.keys import Key, new_key, read_keys, write_keys
from tradewind.serve.security.limits import Limits
from tradewind.serve.security.locks import KeyFile
from tradewind.serve.security.principals import Right


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "keys.json"


def test_a_file_holds_what_was_written(path: Path) -> None:
    expires = datetime(2031, 5, 1, tzinfo=UTC)
    key, token = new_key("web", (Right.INFER,), ("a*", "b"), Limits(requests_per_s=3), expires)
    write_keys(path, (key,))
    assert read_keys(path) == (key,)
    assert token not in path.read_text()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_token_opens_as_its_key_says(path: Path) -> None:
    key, token = new_key("web", (Right.MANAGE,), ("a*",))
    write_keys(path, (new_key("other")[0], key))
    found = KeyFile(path).open(token)
    assert found is not None
    assert (found.name, set(found.rights), found.models) == ("web", {Right.MANAGE}, ("a*",))


def test_other_tokens_open_nothing(path: Path, random: np.random.Generator) -> None:
    key, token = new_key("web")
    write_keys(path, (key,))
    lock = KeyFile(path)
    for other in (
        "",
        token[:-1],
        token + "x",
        token.upper(),
        key.hash,
        "\udcff",
        random.bytes(9).hex(),
    ):
        assert lock.open(other) is None


def test_an_expired_key_says_so(path: Path) -> None:
    expires = datetime(2031, 5, 1, tzinfo=UTC)
    key, token = new_key("web", expires=expires)
    write_keys(path, (key,))
    assert KeyFile(path, lambda: expires.timestamp() - 1).open(token) is not None
    with pytest.raises(Refusal, match="expired on 2031-05-01 00:00 UTC") as caught:
        KeyFile(path, expires.timestamp).open(token)
    assert caught.value.reason is Reason.UNAUTHENTICATED


def test_two_keys_of_one_name_are_good_while_they_are_exchanged(path: Path) -> None:
    (old, first), (new, second) = new_key("web"), new_key("web")
    write_keys(path, (old,))
    lock = KeyFile(path)
    write_keys(path, (old, new))
    lock.refresh()
    assert lock.open(first)
    assert lock.open(second)
    write_keys(path, (new,))
    lock.refresh()
    assert lock.open(first) is None
    assert lock.open(second)


def test_a_broken_file_changes_nothing(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    key, token = new_key("web")
    write_keys(path, (key,))
    lock = KeyFile(path)
    path.write_text("{")
    lock.refresh()
    assert lock.open(token)
    assert "stay as they were" in caplog.text
    path.unlink()
    lock.refresh()
    assert lock.open(token)


GOOD = {"name": "web", "hash": "0" * 64}


@pytest.mark.parametrize(
    ("keys", "what"),
    [
        ([{**GOOD, "hash": "0" * 63}], "64 hexadecimal digits"),
        ([{**GOOD, "hash": "g" * 64}], "64 hexadecimal digits"),
        ([{**GOOD, "name": ""}], "printable"),
        ([{**GOOD, "scopes": []}], "one or more"),
        ([{**GOOD, "scopes": ["root"]}], "scopes"),
        ([{**GOOD, "expires": "2031-05-01T00:00:00"}], "a time with its zone"),
        ([{**GOOD, "expired": "2031-05-01T00:00:00Z"}], "unknown field `expired`"),
        ([{**GOOD, "limits": {"requests_per_s": -1}}], "0 or more"),
        ([GOOD, {**GOOD, "hash": "1" * 64, "limits": {"requests_per_s": 1}}], "the same limits"),
    ],
)
def test_a_wrong_file_is_told_where(keys: list[object], what: str, path: Path) -> None:
    path.write_text(json.dumps({"keys": keys}))
    with pytest.raises(SettingError, match=what):
        read_keys(path)


def test_a_file_of_noise_is_refused(path: Path, random: np.random.Generator) -> None:
    key, _ = new_key("web", limits=Limits(requests_per_s=2))
    write_keys(path, (key,))
    good = path.read_bytes()
    for _ in range(300):
        noisy = bytearray(good)
        for _ in range(int(random.integers(1, 6))):
            noisy[int(random.integers(len(noisy)))] = int(random.integers(256))
        path.write_bytes(noisy[: int(random.integers(1, len(noisy) + 1))])
        try:
            found = read_keys(path)
        except SettingError:
            continue
        assert all(isinstance(one, Key) for one in found)


def test_a_missing_file_says_how_to_make_one(path: Path) -> None:
    with pytest.raises(SettingError, match="tradewind keys new"):
        KeyFile(path)
