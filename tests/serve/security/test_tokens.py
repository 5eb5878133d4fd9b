import base64
import hmac
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("jwt", reason="tokens need the extra auth")

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from tests.serve.child import start, tensor

from tradewind.errors import SettingError
from tradewind.serve.refusals import Reason, Refusal
from tradewind.serve.security.issuers import KeysInFile, KeysOfIssuer
from tradewind.serve.security.limits import Limits
from tradewind.serve.security.principals import Right
from tradewind.serve.security.tokens import TokenLock

ISSUER = "https://id.example.com/"
AUDIENCE = "tradewind"
LIMIT_S = 60


class Issuer:
    """Signs tokens, and publishes its keys."""

    def __init__(self) -> None:
        self._rsa = rsa.generate_private_key(65537, 2048)
        self.private: dict[str, tuple[str, Any]] = {
            "r": ("RS256", self._rsa),
            "e": ("ES256", ec.generate_private_key(ec.SECP256R1())),
            "d": ("EdDSA", ed25519.Ed25519PrivateKey.generate()),
        }

    @property
    def jwks(self) -> dict[str, Any]:
        keys = []
        for kid, (name, private) in self.private.items():
            algorithm = jwt.get_algorithm_by_name(name)
            public = algorithm.to_jwk(private.public_key(), as_dict=True)
            keys.append({**public, "kid": kid, "alg": name, "use": "sig"})
        return {"keys": keys}

    def sign(self, kid: str = "e", **claims: Any) -> str:
        name, private = self.private[kid]
        return str(jwt.encode(good(**claims), private, name, {"kid": kid}))


def good(**claims: Any) -> dict[str, Any]:
    """Return claims that are all right but for those that are given; None leaves one out."""
    now_s = int(time.time())
    usual = {"iss": ISSUER, "aud": AUDIENCE, "sub": "ann", "exp": now_s + 600, "scope": "infer"}
    return {name: value for name, value in (usual | claims).items() if value is not None}


@pytest.fixture(scope="module")
def issuer() -> Issuer:
    return Issuer()


@pytest.fixture
def path(tmp_path: Path, issuer: Issuer) -> Path:
    path = tmp_path / "jwks.json"
    path.write_text(json.dumps(issuer.jwks))
    return path


@pytest.fixture
def lock(path: Path) -> TokenLock:
    return TokenLock(KeysInFile(path), ISSUER, AUDIENCE)


@pytest.mark.parametrize("kid", ["r", "e", "d"])
def test_a_good_token_opens(kid: str, lock: TokenLock, issuer: Issuer) -> None:
    claims = {"scope": "openid tradewind:read infer", "tradewind_models": ["a*"]}
    found = lock.open(issuer.sign(kid, **claims, tradewind_limits={"requests_per_s": 2}))
    assert found is not None
    assert (found.name, found.models) == ("oidc:ann", ("a*",))
    assert set(found.rights) == {Right.READ, Right.INFER}
    assert found.limits == Limits(requests_per_s=2)


def test_scopes_may_be_a_list(lock: TokenLock, issuer: Issuer) -> None:
    found = lock.open(issuer.sign(scope=None, scp=["manage", "other"]))
    assert found is not None
    assert set(found.rights) == {Right.MANAGE}


@pytest.mark.parametrize(
    "claims",
    [
        {"exp": 1_000_000},
        {"exp": None},
        {"nbf": 32_503_680_000},
        {"iss": "https://id.example.com"},
        {"iss": None},
        {"aud": "others"},
        {"aud": None},
        {"sub": None},
        {"exp": "soon"},
        {"tradewind_models": "a*"},
        {"tradewind_limits": {"requests_per_s": -1}},
        {"tradewind_limits": {"request_per_s": 1}},
    ],
)
def test_a_token_with_a_wrong_claim_is_refused(
    claims: dict[str, Any], lock: TokenLock, issuer: Issuer
) -> None:
    with pytest.raises(Refusal) as caught:
        lock.open(issuer.sign(**claims))
    assert caught.value.reason is Reason.UNAUTHENTICATED


def test_a_token_that_was_good_expires(path: Path, issuer: Issuer) -> None:
    now_s = time.time()
    lock = TokenLock(KeysInFile(path), ISSUER, AUDIENCE, lambda: now_s)
    token = issuer.sign()
    assert lock.open(token)
    now_s += 700
    with pytest.raises(Refusal, match="expired"):
        lock.open(token)


def test_tokens_that_nobody_signed_are_refused(lock: TokenLock, issuer: Issuer) -> None:
    def encoded(content: bytes) -> str:
        return base64.urlsafe_b64encode(content).rstrip(b"=").decode()

    def part(value: Any) -> str:
        return encoded(json.dumps(value).encode())

    name, private = issuer.private["r"]
    public = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    shared = part({"alg": "HS256", "kid": "r"}) + "." + part(good())
    forged = [
        part({"alg": "none", "kid": "e"}) + "." + part(good()) + ".",
        # the public key, taken for a secret
        f"{shared}.{encoded(hmac.digest(public, shared.encode(), 'sha256'))}",
        jwt.encode(good(), ec.generate_private_key(ec.SECP256R1()), "ES256", {"kid": "e"}),
        jwt.encode(good(), private, name, {"kid": "e"}),
        jwt.encode(good(), private, name),
    ]
    for token in forged:
        with pytest.raises(Refusal) as caught:
            lock.open(token)
        assert caught.value.reason is Reason.UNAUTHENTICATED


def test_noise_is_refused(lock: TokenLock, issuer: Issuer, random: np.random.Generator) -> None:
    token = issuer.sign()
    for _ in range(300):
        letters = list(token)
        letters[int(random.integers(len(letters)))] = chr(int(random.integers(32, 255)))
        noisy = "".join(letters)
        if noisy[:-1] == token[:-1]:
            continue  # the last letter of base64 has bits that mean nothing
        try:
            assert lock.open(noisy) is None or noisy == token
        except Refusal as refusal:
            assert refusal.reason is Reason.UNAUTHENTICATED  # noqa: PT017


def test_what_is_no_token_is_for_another_lock(lock: TokenLock) -> None:
    for text in ("tw_abc", "", "a.b", "a.b.c.d", "x." * 9000):
        assert lock.open(text) is None


def test_new_keys_in_the_file_are_taken_over(path: Path, lock: TokenLock) -> None:
    other = Issuer()
    with pytest.raises(Refusal):
        lock.open(other.sign())
    path.write_text(json.dumps(other.jwks))
    lock.refresh()
    assert lock.open(other.sign())


def test_tokens_of_a_key_that_is_gone_are_refused(
    path: Path, lock: TokenLock, issuer: Issuer
) -> None:
    token = issuer.sign()
    assert lock.open(token)
    path.write_text(json.dumps(Issuer().jwks))
    lock.refresh()
    with pytest.raises(Refusal):
        lock.open(token)


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", '{"keys": 3}', '{"keys": [{"kty": "oct", "k": "AAAA"}]}']
)
def test_a_file_without_public_keys_is_refused(content: str, tmp_path: Path) -> None:
    path = tmp_path / "jwks.json"
    path.write_text(content)
    with pytest.raises(SettingError):
        KeysInFile(path)


def test_a_key_set_with_odd_values_is_refused_or_read(
    path: Path, issuer: Issuer, random: np.random.Generator
) -> None:
    odd: tuple[Any, ...] = (None, -1, "", "é", "AAAA", [], {}, True, "RSA", "OKP", "EC", "P-521")
    for _ in range(200):
        jwks = json.loads(json.dumps(issuer.jwks))
        for key in jwks["keys"]:
            key[list(key)[int(random.integers(len(key)))]] = odd[int(random.integers(len(odd)))]
        path.write_text(json.dumps(jwks))
        try:
            lock = TokenLock(KeysInFile(path), ISSUER, AUDIENCE)
        except SettingError:
            continue
        for kid in issuer.private:
            try:
                lock.open(issuer.sign(kid))
            except Refusal as refusal:
                assert refusal.reason is Reason.UNAUTHENTICATED  # noqa: PT017


@contextmanager
def published(issuer: Issuer) -> Iterator[str]:
    """Publish keys on the loopback as OpenID Connect has it; yield the issuer's name."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            name = f"http://127.0.0.1:{server.server_port}"
            about = {"issuer": name, "jwks_uri": f"{name}/keys"}
            told = issuer.jwks if self.path == "/keys" else about
            body = json.dumps(told).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_keys_are_fetched_from_the_issuer(issuer: Issuer) -> None:
    with published(issuer) as name:
        lock = TokenLock(KeysOfIssuer(name), name, AUDIENCE)
        assert lock.open(issuer.sign(iss=name))


@pytest.mark.parametrize("name", ["http://id.example.com", "file:///etc/passwd", "ftp://x", "id"])
def test_an_issuer_without_encryption_is_not_asked(name: str) -> None:
    with pytest.raises(SettingError, match="begins with https"):
        KeysOfIssuer(name)


def test_a_server_takes_tokens(path: Path, issuer: Issuer) -> None:
    security = {"oidc_issuer": ISSUER, "oidc_audience": AUDIENCE, "jwks": str(path)}
    with start(security=security) as child:
        request = tensor([1.0, 2.0, 3.0, 4.0])

        def status(token: str) -> int:
            return child.infer("tiny", request, {"Authorization": f"Bearer {token}"}).status

        assert status(issuer.sign()) == 200
        assert status(issuer.sign(scope="read")) == 403
        assert status(issuer.sign(tradewind_models=["slow"])) == 403
        assert status(issuer.sign(aud="others")) == 401
        assert child.infer("tiny", request).status == 401
