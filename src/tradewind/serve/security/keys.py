"""API keys at rest: a file that holds hashes, with what each key may do.

    {"keys": [{"name": "web", "hash": "9f2c…", "scopes": ["infer"], "models": ["resnet*"],
               "expires": "2027-06-01T00:00:00Z", "limits": {"requests_per_s": 50}}]}

A token is 32 random bytes. Nobody can try them all, so one round of BLAKE2b is enough to keep the
file from giving tokens away; slow hashes such as scrypt make up for passwords, which these are not.
"""

import hashlib
import os
import secrets
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from tradewind.errors import OutputError, SettingError
from tradewind.serve.security.limits import Limits
from tradewind.serve.security.principals import Principal, Right

_PREFIX = "tw_"  # so that scanners for leaked secrets can find them
_PERSON = b"tradewind-key"
_ID_LENGTH = 8


class Key(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One key as the file holds it."""

    name: str  # of the client; keys of one name share their limits
    hash: str  # BLAKE2b-256 of the token, in hexadecimal
    scopes: tuple[Right, ...] = (Right.INFER, Right.READ)
    models: tuple[str, ...] = ("*",)  # patterns of the shell
    limits: Limits = Limits()
    expires: datetime | None = None  # with its time zone
    created: datetime | None = None

    def __post_init__(self) -> None:
        if not self.name or len(self.name) > 100 or not self.name.isprintable():
            raise SettingError("name", "1 to 100 printable characters", repr(self.name[:100]))
        if len(self.hash) != 64 or set(self.hash) - set("0123456789abcdef"):
            raise SettingError(f"key {self.name}: hash", "64 hexadecimal digits", self.hash[:80])
        if not self.scopes:
            raise SettingError(f"key {self.name}: scopes", "one or more", "none")
        if self.expires is not None and self.expires.tzinfo is None:
            raise SettingError(
                f"key {self.name}: expires", "a time with its zone", f"{self.expires}",
                "2027-06-01T00:00:00Z is one.",
            )  # fmt: skip

    @property
    def id(self) -> str:
        """What tells keys of one name apart; it gives nothing away."""
        return self.hash[:_ID_LENGTH]

    def principal(self) -> Principal:
        """Return whom this key stands for."""
        limits = None if self.limits == Limits() else self.limits
        until = {} if self.expires is None else {"until_s": self.expires.timestamp()}
        return Principal(self.name, frozenset(self.scopes), self.models, limits, **until)


class _File(msgspec.Struct, forbid_unknown_fields=True):
    keys: tuple[Key, ...] = ()


def hash_token(token: str) -> str:
    """Return what the file holds in place of a token."""
    raw = token.encode("utf-8", "surrogateescape")
    return hashlib.blake2b(raw, digest_size=32, person=_PERSON).hexdigest()


def new_key(
    name: str,
    scopes: tuple[Right, ...] = (Right.INFER, Right.READ),
    models: tuple[str, ...] = ("*",),
    limits: Limits | None = None,
    expires: datetime | None = None,
) -> tuple[Key, str]:
    """Return a new key with its token, which exists nowhere else."""
    token = _PREFIX + secrets.token_urlsafe(32)
    created = datetime.now(UTC).replace(microsecond=0)
    key = Key(name, hash_token(token), scopes, models, limits or Limits(), expires, created)
    return key, token


def read_keys(path: Path) -> tuple[Key, ...]:
    """Return the keys in a file.

    Raises:
        SettingError: it cannot be read, is no such file, or contradicts itself.
    """
    try:
        found = msgspec.json.decode(path.read_bytes(), type=_File).keys
    except OSError as error:
        raise SettingError(
            str(path), "a file of keys", error.strerror or str(error),
            f"`tradewind keys new {path} --name NAME` makes one.",
        ) from error  # fmt: skip
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, SettingError) as error:
        raise SettingError(str(path), "a file of keys", str(error)) from error
    limits: dict[str, Limits] = {}
    for key in found:
        if limits.setdefault(key.name, key.limits) != key.limits:
            raise SettingError(
                f"{path}: keys of {key.name}", "the same limits for all of them", "different ones"
            )
    return found


def write_keys(path: Path, keys: tuple[Key, ...]) -> None:
    """Replace the file in one step; nobody but its owner may read it.

    Raises:
        OutputError: it cannot be written.
    """
    text = msgspec.json.format(msgspec.json.encode(_File(keys)), indent=2) + b"\n"
    try:
        number, name = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.absolute().parent)
        try:
            with os.fdopen(number, "wb") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise OutputError(
            str(path), "a file that can be written", error.strerror or str(error)
        ) from error
