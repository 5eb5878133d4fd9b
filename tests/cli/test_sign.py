from pathlib import Path

import pytest
from tests.cli.conftest import Quick
from tests.cli.test_serve import serving

pytest.importorskip("cryptography", reason="signatures need the extra auth")


@pytest.fixture
def key(tmp_path: Path, quick: Quick) -> Path:
    path = tmp_path / "release.pem"
    assert quick("sign", "--new-key", path).code == 0
    return path


def test_a_bundle_is_served_only_when_it_is_signed(bundle: Path, key: Path, quick: Quick) -> None:
    public = key.with_suffix(".pub")
    demand = ("--signatures", "require", "--trusted-keys", public)
    done = quick("serve", bundle, "--http-port", "0", *demand)
    assert (done.code, "a bundle signed by release" in done.err) == (2, True)
    assert quick("sign", bundle, "--key", key).code == 0
    with serving(bundle, *demand) as (url, _):
        assert url


def test_verify_names_who_signed(bundle: Path, key: Path, quick: Quick) -> None:
    public = key.with_suffix(".pub")
    assert quick("verify", bundle, "--trusted-keys", public).code == 2
    quick("sign", bundle, "--key", key)
    done = quick("verify", bundle, "--trusted-keys", public)
    assert (done.code, "Signed by release." in done.out) == (0, True)
    assert quick("verify", bundle, "--json").document["signed_by"] is None
    found = quick("verify", bundle, "--trusted-keys", public, "--json").document
    assert found["signed_by"] == "release"


@pytest.mark.parametrize(
    "arguments",
    [[], ["BUNDLE"], ["--key", "KEY"], ["BUNDLE", "--key", "KEY", "--new-key", "x"],
     ["BUNDLE", "--key", "/no/such/key"], ["--new-key", "KEY"]],
)  # fmt: skip
def test_wrong_usage_ends_with_two(
    arguments: list[str], bundle: Path, key: Path, quick: Quick
) -> None:
    names = {"BUNDLE": bundle, "KEY": key}
    done = quick("sign", *(names.get(one, one) for one in arguments))
    assert done.code == 2
    assert "Traceback" not in done.err
