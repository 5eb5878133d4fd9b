"""JSON web tokens of an issuer that others run."""

import time
from collections.abc import Callable, Mapping
from typing import Any, final

import msgspec

from tradewind.errors import SettingError
from tradewind.serve.refusals import Reason, Refusal
from tradewind.serve.security.issuers import PublicKeys
from tradewind.serve.security.limits import Limits
from tradewind.serve.security.locks import Lock, expired
from tradewind.serve.security.principals import Principal, Right

# signed with a private key: neither "none" nor a secret that whoever checks would know too
_ALGORITHMS = (
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA",
)  # fmt: skip
_LEEWAY_S = 30
_MOST_CHARACTERS = 8192
_MOST_CACHED = 4096
_PREFIX = "tradewind:"


@final
class TokenLock(Lock):
    """Opens for tokens that the issuer signed for this server.

    The claims `scope` (words in a text) or `scp` hold `infer`, `read` and `manage`, each with or
    without `tradewind:` before it; `tradewind_models` may hold patterns of models and
    `tradewind_limits` what a key's limits hold.

    Args:
        keys: of the issuer.
        issuer: the claim `iss`, exactly.
        audience: must be in the claim `aud`.
        clock: returns seconds since 1970.
    """

    def __init__(
        self,
        keys: PublicKeys,
        issuer: str,
        audience: str,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._keys = keys
        self._issuer = issuer
        self._audience = audience
        self._clock = clock
        self._edition = keys.edition
        self._opened: dict[str, Principal] = {}

    def open(self, token: str) -> Principal | None:
        found = self._opened.get(token)
        if found is None:
            if token.count(".") != 2 or len(token) > _MOST_CHARACTERS:
                return None
            found = self._principal(self._claims(token))
            if len(self._opened) >= _MOST_CACHED:
                self._opened.clear()
            self._opened[token] = found
        if self._clock() >= found.until_s:
            raise expired("token", time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(found.until_s)))
        return found

    def refresh(self) -> None:
        self._keys.refresh()
        if self._keys.edition != self._edition:
            self._edition = self._keys.edition
            self._opened.clear()

    def _claims(self, token: str) -> dict[str, Any]:
        import jwt

        try:
            key = self._keys.find(str(jwt.get_unverified_header(token).get("kid", "")))
            if key is None:
                self._keys.miss()
                raise _refusal("one signed with another key")
            return jwt.decode(
                token,
                key,
                algorithms=list(_ALGORITHMS),
                audience=self._audience,
                issuer=self._issuer,
                leeway=_LEEWAY_S,
                options={"require": ["exp", "iss", "aud", "sub"]},
            )
        except (jwt.PyJWTError, ValueError, TypeError, RecursionError) as error:
            raise _refusal(str(error)[:200]) from error

    def _principal(self, claims: Mapping[str, Any]) -> Principal:
        try:
            models = msgspec.convert(claims.get("tradewind_models", ("*",)), tuple[str, ...])
            limits = msgspec.convert(claims.get("tradewind_limits"), Limits | None)
            until_s = float(claims["exp"]) + _LEEWAY_S
        except (msgspec.ValidationError, SettingError, ValueError, TypeError) as error:
            raise _refusal(str(error)[:200]) from error
        name = f"oidc:{str(claims['sub'])[:200]}"
        return Principal(name, _rights(claims), models, limits, until_s)


def _rights(claims: Mapping[str, Any]) -> frozenset[Right]:
    told = claims.get("scope", claims.get("scp", ""))
    words = told.split() if isinstance(told, str) else told if isinstance(told, list) else ()
    known = {right.value: right for right in Right}
    plain = (str(word).removeprefix(_PREFIX) for word in words)
    return frozenset(known[word] for word in plain if word in known)


def _refusal(got: str) -> Refusal:
    return Refusal(
        Reason.UNAUTHENTICATED, "token", "one that the issuer signed for this server", got
    )
