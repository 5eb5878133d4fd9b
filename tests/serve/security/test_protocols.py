"""The same keys and certificates over HTTP and gRPC."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from tests.serve.child import start

pytest.importorskip("cryptography", reason="certificates are made with the extra auth")

from tests.serve.security.making import Authority

from tradewind.client import Client, Refused, Retries, Unanswered
from tradewind.serve.security import Right
from tradewind.serve.security.keys import new_key, write_keys
from tradewind.serve.security.limits import Limits

X = np.array([[1, 2, 3, 4]], np.float32)
UNAUTHENTICATED = {"401", "UNAUTHENTICATED"}
FORBIDDEN = {"403", "PERMISSION_DENIED"}
TOO_MANY = {"429", "RESOURCE_EXHAUSTED"}


@dataclass(frozen=True)
class Door:
    """One way into a server that has keys and certificates."""

    url: str
    ca: Path
    tokens: dict[str, str]

    def client(self, name: str) -> Client:
        token = self.tokens.get(name, "")
        return Client(self.url, token=token, ca=self.ca, retries=Retries(most=0))


@pytest.fixture(scope="module")
def doors(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Door]]:
    folder = tmp_path_factory.mktemp("protocols")
    authority = Authority(folder)
    issued = authority.issue("server")
    kinds = {
        "web": ((Right.INFER, Right.READ), ("tiny",), Limits()),
        "operator": ((Right.MANAGE,), ("*",), Limits()),
        "few http": ((Right.INFER,), ("*",), Limits(requests_per_day=1)),
        "few grpc": ((Right.INFER,), ("*",), Limits(requests_per_day=1)),
        "small http": ((Right.INFER,), ("*",), Limits(examples_per_day=1)),
        "small grpc": ((Right.INFER,), ("*",), Limits(examples_per_day=1)),
    }
    made = {name: new_key(name, *rules) for name, rules in kinds.items()}
    write_keys(folder / "keys.json", tuple(key for key, _ in made.values()))
    tokens = {name: token for name, (_, token) in made.items()}
    security = {
        "api_keys": str(folder / "keys.json"),
        "tls_cert": str(issued.cert),
        "tls_key": str(issued.key),
    }
    with start(security=security, grpc_port=0) as child:
        yield {
            "http": Door(f"https://{child.host}:{child.port}", authority.cert, tokens),
            "grpc": Door(f"grpcs://{child.grpc}", authority.cert, tokens),
        }


@pytest.fixture(params=["http", "grpc"])
def protocol(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def refused(door: Door, name: str, model: str = "tiny") -> str:
    with door.client(name) as client, pytest.raises(Refused) as caught:
        client.infer(model, {"x": X})
    return caught.value.status


def test_a_key_asks_the_models_that_it_names(protocol: str, doors: dict[str, Door]) -> None:
    door = doors[protocol]
    with door.client("web") as client:
        np.testing.assert_array_equal(client.infer("tiny", {"x": X})["y"], X * 10)
        assert client.metadata("tiny")["name"] == "tiny"
    assert refused(door, "web", "slow") in FORBIDDEN
    assert refused(door, "operator") in FORBIDDEN
    assert refused(door, "nobody") in UNAUTHENTICATED


def test_only_the_scope_for_it_manages(protocol: str, doors: dict[str, Door]) -> None:
    for name, status in (("web", FORBIDDEN), ("nobody", UNAUTHENTICATED)):
        with doors[protocol].client(name) as client, pytest.raises(Refused) as caught:
            client.unload("tiny")
        assert caught.value.status in status


def test_limits_hold_for_each_protocol(protocol: str, doors: dict[str, Door]) -> None:
    door = doors[protocol]
    for name in (f"few {protocol}", f"small {protocol}"):
        with door.client(name) as client:
            client.infer("tiny", {"x": X})
        assert refused(door, name) in TOO_MANY


def test_health_needs_no_key(protocol: str, doors: dict[str, Door]) -> None:
    with doors[protocol].client("nobody") as client:
        assert client.is_ready()


def test_a_server_of_another_authority_is_not_trusted(
    protocol: str, doors: dict[str, Door], tmp_path: Path
) -> None:
    door = Door(doors[protocol].url, Authority(tmp_path, "other").cert, {})
    with door.client("nobody") as client, pytest.raises((Unanswered, Refused)):
        client.infer("tiny", {"x": X}, timeout_s=5)
