import shutil
from pathlib import Path

import numpy as np
import pytest
from tests.cli.samples import write_by_hand, write_sample

pytest.importorskip("cryptography", reason="signatures need the extra auth")

from tradewind.bundle import (
    Trust,
    TrustedKey,
    new_signing_key,
    open_bundle,
    read_trusted,
    seal,
    sign,
    signer,
)
from tradewind.errors import BundleError, OutputError, SettingError


@pytest.fixture
def bundle(tmp_path: Path, random: np.random.Generator) -> Path:
    (tmp_path / "bundles").mkdir()
    return write_by_hand(tmp_path / "bundles", write_sample(tmp_path, random).model)


@pytest.fixture
def key(tmp_path: Path) -> tuple[Path, TrustedKey]:
    path = tmp_path / "release.pem"
    return path, new_signing_key(path, "release")


def test_a_signed_bundle_names_its_signer_and_stays_intact(
    bundle: Path, key: tuple[Path, TrustedKey]
) -> None:
    assert signer(bundle, (key[1],)) is None
    sign(bundle, key[0])
    assert signer(bundle, (key[1],)) == key[1]
    open_bundle(bundle)


def test_a_signature_is_good_for_no_other_seal(
    bundle: Path, key: tuple[Path, TrustedKey], random: np.random.Generator
) -> None:
    sign(bundle, key[0])
    path = bundle / "report.html"
    content = bytearray(path.read_bytes())
    content[int(random.integers(len(content)))] ^= 1
    path.write_bytes(content)
    with pytest.raises(BundleError):
        open_bundle(bundle)
    seal(bundle)  # whoever changed it can seal it anew, but not sign it
    open_bundle(bundle)
    assert signer(bundle, (key[1],)) is None


def test_a_signature_cannot_be_carried_to_another_bundle(
    bundle: Path, key: tuple[Path, TrustedKey], tmp_path: Path, random: np.random.Generator
) -> None:
    sign(bundle, key[0])
    (tmp_path / "others").mkdir()
    other = write_by_hand(tmp_path / "others", write_sample(tmp_path, random).model)
    shutil.copy(bundle / "SIGNATURES", other)
    assert signer(other, (key[1],)) is None


def test_several_may_sign_and_signing_again_changes_nothing(
    bundle: Path, key: tuple[Path, TrustedKey], tmp_path: Path
) -> None:
    second = new_signing_key(tmp_path / "audit.pem", "audit")
    for path in (key[0], tmp_path / "audit.pem", key[0]):
        sign(bundle, path)
    assert signer(bundle, (second,)) == second
    assert signer(bundle, (key[1],)) == key[1]
    assert len((bundle / "SIGNATURES").read_text().splitlines()) == 2


def test_a_damaged_bundle_is_not_signed(bundle: Path, key: tuple[Path, TrustedKey]) -> None:
    (bundle / "report.html").write_text("other")
    with pytest.raises(BundleError):
        sign(bundle, key[0])


def test_a_key_is_never_overwritten(key: tuple[Path, TrustedKey]) -> None:
    assert key[0].stat().st_mode & 0o777 == 0o600
    with pytest.raises(OutputError):
        new_signing_key(key[0], "release")


def test_trusted_keys_are_read_from_their_lines(
    tmp_path: Path, key: tuple[Path, TrustedKey]
) -> None:
    path = tmp_path / "trusted"
    path.write_text(f"# of the team\n\n{key[1].line}\n")
    assert read_trusted(path) == (key[1],)


@pytest.mark.parametrize("line", ["rsa AAAA x", "ed25519 AAAA x", "ed25519", "ed25519 é x", "x"])
def test_a_wrong_line_is_told_with_its_number(line: str, tmp_path: Path) -> None:
    path = tmp_path / "trusted"
    path.write_text(f"# first\n{line}\n")
    with pytest.raises(SettingError, match=":2"):
        read_trusted(path)


def test_a_signature_is_written_in_one_way_only(bundle: Path, key: tuple[Path, TrustedKey]) -> None:
    sign(bundle, key[0])
    path = bundle / "SIGNATURES"
    kind, public, signature = path.read_text().split()
    assert signature.endswith("==")
    # four bits of the last letter are in none of the bytes
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    last = letters.index(signature[-3])
    other = letters[last ^ 1]
    path.write_text(f"{kind} {public} {signature[:-3]}{other}==\n")
    assert signer(bundle, (key[1],)) is None
    path.write_text(f"{kind} {public} {signature}\n")
    assert signer(bundle, (key[1],)) == key[1]


def test_noise_in_signatures_opens_nothing(
    bundle: Path, key: tuple[Path, TrustedKey], random: np.random.Generator
) -> None:
    sign(bundle, key[0])
    path = bundle / "SIGNATURES"
    good = path.read_bytes()
    for _ in range(200):
        noisy = bytearray(good)
        noisy[int(random.integers(len(good)))] = int(random.integers(256))
        if noisy.decode(errors="replace").split() == good.decode().split():
            continue  # another space between words
        path.write_bytes(noisy)
        try:
            assert signer(bundle, (key[1],)) is None
        except BundleError:
            continue


def test_trust_refuses_warns_or_says_nothing(
    bundle: Path, key: tuple[Path, TrustedKey], tmp_path: Path
) -> None:
    model = tmp_path / "model.onnx"
    for path in (bundle, model):
        assert Trust().doubt(path) == ""
        assert Trust("warn", (key[1],)).doubt(path) == "not signed by release"
        with pytest.raises(BundleError, match="signed by release"):
            Trust("require", (key[1],)).doubt(path)
    sign(bundle, key[0])
    assert Trust("require", (key[1],)).doubt(bundle) == ""


def test_half_a_policy_is_refused(tmp_path: Path) -> None:
    empty = tmp_path / "trusted"
    empty.write_text("# nobody\n")
    for demand, file in (("require", None), ("off", empty), ("require", empty)):
        with pytest.raises(SettingError):
            Trust.of(demand, file)  # type: ignore[arg-type]
