"""Public keys of an issuer of tokens, from a file or from the issuer itself."""

import logging
import threading
import time
import urllib.error
import urllib.request
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, final
from urllib.parse import urlsplit

import msgspec

from tradewind.errors import SettingError
from tradewind.serve.security.gate import is_loopback
from tradewind.serve.security.watching import Watched

_log = logging.getLogger("tradewind.serve")

_DISCOVERY = "/.well-known/openid-configuration"
_RENEW_S = 600.0
_PATIENCE_S = 30.0  # between two fetches, however many unknown keys are named
_TIMEOUT_S = 10.0
_MOST_BYTES = 1 << 20


class PublicKeys(ABC):
    """The keys that tokens may be signed with, by their id. Only the event loop may touch them."""

    def __init__(self, keys: dict[str, Any]) -> None:
        self._keys = keys
        self.edition = 0  # counts up when the keys change

    def find(self, key_id: str) -> Any | None:
        """Return the key of this id; one without an id is good for tokens that name none."""
        return self._keys.get(key_id)

    def miss(self) -> None:  # noqa: B027, only those that can be asked again care
        """Hear that a token named a key that is not known."""

    @abstractmethod
    def refresh(self) -> None:
        """Take over what has changed; called about once a second."""

    def _replace(self, keys: dict[str, Any]) -> None:
        if keys.keys() != self._keys.keys():
            _log.info("%d keys of the issuer of tokens", len(keys))
        self._keys = keys
        self.edition += 1


@final
class KeysInFile(PublicKeys):
    """A JSON web key set on disk, read again when it changes.

    Raises:
        SettingError: it cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self._watched = Watched(path)
        super().__init__(_parse(_read(path), str(path)))

    def refresh(self) -> None:
        if not self._watched.has_changed():
            return
        path = self._watched.path
        try:
            self._replace(_parse(_read(path), str(path)))
        except SettingError as error:
            _log.warning("the keys of the issuer stay as they were: %s", error)


@final
class KeysOfIssuer(PublicKeys):
    """What an issuer publishes, asked for now, every ten minutes, and when it signs anew.

    Args:
        issuer: whose discovery document says where its keys are.

    Raises:
        SettingError: it does not answer, or not as OpenID Connect has it.
    """

    def __init__(self, issuer: str) -> None:
        self._issuer = issuer
        self._at_s = time.monotonic()
        self._is_wanted = False
        self._thread: threading.Thread | None = None
        self._fetched: dict[str, Any] | None = None
        super().__init__(_fetch_keys(issuer))

    def miss(self) -> None:
        self._is_wanted = True

    def refresh(self) -> None:
        if self._thread is not None:
            if self._thread.is_alive():
                return
            self._thread = None
            if self._fetched is not None:
                self._replace(self._fetched)
                self._fetched = None
        age_s = time.monotonic() - self._at_s
        if age_s > (_PATIENCE_S if self._is_wanted else _RENEW_S):
            self._at_s = time.monotonic()
            self._is_wanted = False
            self._thread = threading.Thread(target=self._fetch, name="jwks", daemon=True)
            self._thread.start()

    def _fetch(self) -> None:
        try:
            self._fetched = _fetch_keys(self._issuer)
        except SettingError as error:
            _log.warning("the keys of the issuer stay as they were: %s", error)


def _fetch_keys(issuer: str) -> dict[str, Any]:
    about = _json(_get(issuer.rstrip("/") + _DISCOVERY), issuer)
    if about.get("issuer") != issuer:
        raise SettingError(
            "--oidc-issuer", f"one that calls itself {issuer}", str(about.get("issuer"))[:200],
            "give the name exactly as the issuer writes it, with or without the last slash.",
        )  # fmt: skip
    where = str(about.get("jwks_uri"))
    return _parse(_get(where), where)


def _get(url: str) -> bytes:
    _check_address(url)
    try:
        with urllib.request.urlopen(url, timeout=_TIMEOUT_S) as response:
            _check_address(response.url)  # after redirections
            return bytes(response.read(_MOST_BYTES))
    except (OSError, ValueError) as error:  # URLError is an OSError
        raise SettingError("--oidc-issuer", f"an answer from {url}", str(error)) from error


def _check_address(url: str) -> None:
    parts = urlsplit(url)
    is_here = parts.scheme == "http" and is_loopback(parts.hostname or "")
    if parts.scheme != "https" and not is_here:
        raise SettingError("--oidc-issuer", "an address that begins with https://", url[:200])


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise SettingError(
            "--jwks", "a readable file", f"{path}: {error.strerror or error}"
        ) from error


def _json(content: bytes, where: str) -> dict[str, Any]:
    try:
        found: dict[str, Any] = msgspec.json.decode(content, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise SettingError(where, "a JSON document", str(error)) from error
    return found


def _parse(content: bytes, where: str) -> dict[str, Any]:
    """Return the public keys in a set by their id; those for other uses are left out."""
    try:
        import jwt
    except ImportError as error:
        raise SettingError(
            "--oidc-issuer", "PyJWT and cryptography", "no such package",
            "pip install 'tradewind[auth]'",
        ) from error  # fmt: skip
    listed = _json(content, where).get("keys")
    found: dict[str, Any] = {}
    for one in listed if isinstance(listed, list) else ():
        # a secret shared with the issuer has no place in a public set
        if not isinstance(one, dict) or one.get("kty") == "oct" or one.get("use", "sig") != "sig":
            continue
        try:
            found[str(one.get("kid", ""))] = jwt.PyJWK.from_dict(one)
        except (jwt.PyJWTError, ValueError, TypeError, LookupError, AttributeError) as error:
            # beside its own errors PyJWT lets those of decoding through
            _log.warning("%s: a key cannot be used: %s", where, error)
    if not found:
        raise SettingError(where, "public keys in a JSON web key set", "none that can be used")
    return found
