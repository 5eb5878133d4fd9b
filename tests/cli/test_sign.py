from pathlib import Path

import pytest
from tests.cli.conftest import Quick
from tests.cli.samples import Sample
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


def test_a_new_key_loses_no_other_key(tmp_path: Path, key: Path, quick: Quick) -> None:
    public = key.with_suffix(".pub")
    line = public.read_text()
    done = quick("sign", "--new-key", tmp_path / "release.key")
    assert (done.code, "release.pub" in done.err) == (2, True)
    assert public.read_text() == line
    assert not (tmp_path / "release.key").exists()


def test_a_private_key_never_has_the_name_of_its_public_one(tmp_path: Path, quick: Quick) -> None:
    done = quick("sign", "--new-key", tmp_path / "mine.pub")
    assert (done.code, "mine.pem" in done.err) == (2, True)
    assert not (tmp_path / "mine.pub").exists()


def test_what_is_no_folder_is_not_called_one(sample: Sample, key: Path, quick: Quick) -> None:
    done = quick("sign", sample.model, "--key", key)
    assert (done.code, "got a file." in done.err) == (2, True)
