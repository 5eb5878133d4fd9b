import json
from pathlib import Path

import pytest
from tests.cli.conftest import Quick

from tradewind.serve.security.locks import KeyFile
from tradewind.serve.security.principals import Right


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "keys.json"


def made(quick: Quick, path: Path, *arguments: str) -> dict[str, str]:
    done = quick("keys", "new", path, *arguments, "--json")
    assert done.code == 0, done.err
    return dict(done.document)


def test_a_new_key_opens_what_was_asked_for(path: Path, quick: Quick) -> None:
    found = made(quick, path, "--name", "web", "--scope", "manage", "--model", "spam-*")
    assert found["token"] not in path.read_text()
    principal = KeyFile(path).open(found["token"])
    assert principal is not None
    assert (principal.name, set(principal.rights)) == ("web", {Right.MANAGE})
    assert principal.models == ("spam-*",)


def test_the_token_is_all_that_is_on_stdout(path: Path, quick: Quick) -> None:
    done = quick("keys", "new", path, "--name", "web")
    assert done.code == 0
    assert KeyFile(path).open(done.out.strip()) is not None
    assert "store it now" in done.err


def test_a_second_key_of_a_name_takes_over_its_rules(path: Path, quick: Quick) -> None:
    made(quick, path, "--name", "web", "--scope", "infer", "--requests-per-s", "5")
    made(quick, path, "--name", "web")
    first, second = quick("keys", "list", path, "--json").document
    assert first["scopes"] == second["scopes"] == ["infer"]
    assert first["limits"] == second["limits"]
    assert first["limits"]["requests_per_s"] == 5
    done = quick("keys", "new", path, "--name", "web", "--requests-per-s", "6")
    assert (done.code, "share their limits" in done.err) == (2, True)


def test_a_revoked_key_is_gone_and_the_others_stay(path: Path, quick: Quick) -> None:
    old, new = made(quick, path, "--name", "web"), made(quick, path, "--name", "web")
    assert quick("keys", "revoke", path, old["id"]).code == 0
    lock = KeyFile(path)
    assert lock.open(old["token"]) is None
    assert lock.open(new["token"]) is not None
    assert quick("keys", "revoke", path, "web", "--json").document["revoked"][0]["id"] == new["id"]
    assert json.loads(path.read_text()) == {"keys": []}


def test_a_list_shows_no_hashes(path: Path, quick: Quick) -> None:
    found = made(quick, path, "--name", "web", "--days", "30", "--examples-per-day", "1000")
    done = quick("keys", "list", path)
    assert found["id"] in done.out
    assert json.loads(path.read_text())["keys"][0]["hash"] not in done.out
    assert "hash" not in quick("keys", "list", path, "--json").document[0]


@pytest.mark.parametrize(
    "arguments",
    [
        ["new", "FILE"],
        ["new", "FILE", "--name", "a\nb"],
        ["new", "FILE", "--name", "web", "--scope", "root"],
        ["new", "FILE", "--name", "web", "--days", "0"],
        ["new", "FILE", "--name", "web", "--requests-per-s", "-1"],
        ["list", "FILE"],
        ["revoke", "FILE", "web"],
    ],
)
def test_wrong_usage_ends_with_two_and_writes_nothing(
    arguments: list[str], path: Path, quick: Quick
) -> None:
    done = quick("keys", *(str(path) if one == "FILE" else one for one in arguments))
    assert done.code == 2
    assert "Traceback" not in done.err
    assert not path.exists()
