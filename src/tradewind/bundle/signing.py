"""Who made a bundle: Ed25519 signatures of its seal.

The seal holds the hash of every byte of the others, so whoever signs it signs the bundle. The
file `SIGNATURES` stands beside it; the seal leaves it out, so that more than one may sign. It
holds lines of `ed25519 KEY SIGNATURE`, both in base64. Trusted keys are lines of
`ed25519 KEY NAME`, as `tradewind sign --new-key` prints one.
"""

import base64
import binascii
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

from tradewind.bundle.seal import NAME as SEAL
from tradewind.bundle.seal import SIGNATURES, damages
from tradewind.errors import BundleError, OutputError, SettingError

_CONTEXT = b"tradewind bundle 1\n"  # so that the key signs nothing else by accident
_KIND = "ed25519"
_MOST_SIGNATURES = 100


@final
@dataclass(frozen=True)
class TrustedKey:
    """The public key of somebody whose bundles may be loaded."""

    name: str
    raw: bytes

    @property
    def line(self) -> str:
        """The key as a file of trusted keys holds it."""
        return f"{_KIND} {base64.b64encode(self.raw).decode()} {self.name}"


def new_signing_key(path: Path, name: str) -> TrustedKey:
    """Write a new private key that only its owner may read; return the public one.

    Raises:
        OutputError: there is such a file already, or it cannot be written.
    """
    serialization, ed25519 = _cryptography()
    private = ed25519.Ed25519PrivateKey.generate()
    text = private.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(text)
    except OSError as error:
        raise OutputError(
            str(path), "a free name in a folder that can be written to",
            error.strerror or str(error),
        ) from error  # fmt: skip
    return TrustedKey(name, private.public_key().public_bytes_raw())


def sign(folder: Path, key: Path) -> TrustedKey:
    """Sign a bundle once it was found intact; return the public key.

    Raises:
        BundleError: it is damaged.
        SettingError: the key cannot be read.
    """
    _, ed25519 = _cryptography()
    found = damages(folder)
    if found:
        raise BundleError(str(folder), "every byte as it was written", "; ".join(found))
    private = _private_key(key)
    if not isinstance(private, ed25519.Ed25519PrivateKey):
        raise SettingError("--key", "an Ed25519 key", f"another kind in {key}")
    raw = private.public_key().public_bytes_raw()
    signature = private.sign(_message(folder))
    kept = [pair for pair in _signatures(folder) if pair[0] != raw]
    lines = [
        f"{_KIND} {base64.b64encode(one).decode()} {base64.b64encode(two).decode()}\n"
        for one, two in [*kept, (raw, signature)]
    ]
    try:
        (folder / SIGNATURES).write_text("".join(lines))
    except OSError as error:
        raise OutputError(
            str(folder), "a folder that can be written to", error.strerror or str(error)
        ) from error
    return TrustedKey(key.stem, raw)


def read_trusted(path: Path) -> tuple[TrustedKey, ...]:
    """Return the keys in a file of lines such as `ed25519 KEY NAME`; `#` begins a remark.

    Raises:
        SettingError: it cannot be read, or a line is something else.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingError("--trusted-keys", "a readable file", f"{path}: {error}") from error
    keys = []
    for number, line in enumerate(lines, start=1):
        if not line.strip() or line.startswith("#"):
            continue
        kind, _, rest = line.strip().partition(" ")
        text, _, name = rest.partition(" ")
        raw = _decode(text)
        if kind != _KIND or len(raw) != 32:
            raise SettingError(f"{path}:{number}", "a line `ed25519 KEY NAME`", line[:80])
        keys.append(TrustedKey(name.strip() or text[:12], raw))
    return tuple(keys)


def signer(folder: Path, trusted: tuple[TrustedKey, ...]) -> TrustedKey | None:
    """Return the first trusted key that signed the seal of a bundle; None if none did.

    The seal says nothing about a byte until `damages` has compared them: ask for both.

    Raises:
        BundleError: the signatures or the seal cannot be read.
    """
    _, ed25519 = _cryptography()
    found = _signatures(folder)
    message = _message(folder) if found else b""
    for key in trusted:
        for raw, signature in found:
            if raw == key.raw and _fits(ed25519, raw, signature, message):
                return key
    return None


def _fits(ed25519: Any, raw: bytes, signature: bytes, message: bytes) -> bool:
    from cryptography.exceptions import InvalidSignature

    try:
        ed25519.Ed25519PublicKey.from_public_bytes(raw).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


def _message(folder: Path) -> bytes:
    try:
        return _CONTEXT + (folder / SEAL).read_bytes()
    except OSError as error:
        raise BundleError(str(folder), "a readable seal", error.strerror or str(error)) from error


def _signatures(folder: Path) -> list[tuple[bytes, bytes]]:
    path = folder / SIGNATURES
    if not path.is_file():
        return []
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise BundleError(str(path), "readable signatures", str(error)) from error
    pairs = []
    for line in lines[:_MOST_SIGNATURES]:
        kind, _, rest = line.partition(" ")
        first, _, second = rest.partition(" ")
        if kind == _KIND:
            pairs.append((_decode(first), _decode(second)))
    return pairs


def _decode(text: str) -> bytes:
    """Return what a text stands for, nothing where it is none or another writes the same bytes."""
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return b""
    return raw if base64.b64encode(raw).decode() == text else b""


def _private_key(path: Path) -> Any:
    serialization, _ = _cryptography()
    try:
        return serialization.load_pem_private_key(path.read_bytes(), password=None)
    except (OSError, ValueError, TypeError) as error:
        raise SettingError(
            "--key", "an unencrypted private key in PEM", f"{path}: {error}",
            "`tradewind sign --new-key release.pem` makes one.",
        ) from error  # fmt: skip


def _cryptography() -> tuple[Any, Any]:
    try:
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric import ed25519
    except ImportError as error:
        raise SettingError(
            "signatures", "the package cryptography", "no such package",
            "pip install 'tradewind[auth]'",
        ) from error  # fmt: skip
    return serialization, ed25519
