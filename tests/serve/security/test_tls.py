import http.client
import json
import socket
import ssl
import time
from dataclasses import replace
from pathlib import Path

import pytest
from tests.serve.child import Child, spawn, start, tensor

pytest.importorskip("cryptography", reason="certificates are made with the extra auth")

from tests.serve.security.making import Authority, Issued

REQUEST = json.dumps(tensor([1.0, 2.0, 3.0, 4.0])).encode()
LIMIT_S = 60


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


def trusting(authority: Authority, shown: Issued | None = None) -> ssl.SSLContext:
    """Return what a client needs that trusts the authority, and may show a certificate."""
    context = ssl.create_default_context(cafile=authority.cert)
    if shown is not None:
        context.load_cert_chain(shown.cert, shown.key)
    return context


def ask(child: Child, context: ssl.SSLContext) -> int:
    connection = http.client.HTTPSConnection(child.host, child.port, timeout=20, context=context)
    try:
        connection.request("POST", "/v2/models/tiny/infer", REQUEST)
        return connection.getresponse().status
    finally:
        connection.close()


def shown_name(child: Child, context: ssl.SSLContext) -> str:
    """Return the common name of the certificate that the server shows."""
    with (
        socket.create_connection((child.host, child.port), timeout=20) as raw,
        context.wrap_socket(raw, server_hostname=child.host) as client,
    ):
        found = client.getpeercert()
        assert found is not None
        return str(dict(part[0] for part in found["subject"])["commonName"])  # type: ignore[misc]


def settings(issued: Issued, **more: Path) -> dict[str, str]:
    files = {"tls_cert": issued.cert, "tls_key": issued.key, **more}
    return {name: str(path) for name, path in files.items()}


def test_requests_are_answered_over_tls_and_not_without(authority: Authority) -> None:
    with start(security=settings(authority.issue("server"))) as child:
        assert ask(child, trusting(authority)) == 200
        with pytest.raises((OSError, http.client.HTTPException)):
            child.ask("/v2")


def test_old_versions_of_tls_are_refused(authority: Authority) -> None:
    context = trusting(authority)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with (
        start(security=settings(authority.issue("server"))) as child,
        pytest.raises(ssl.SSLError),
    ):
        ask(child, context)


def test_only_clients_with_a_certificate_are_answered(authority: Authority, tmp_path: Path) -> None:
    strange = Authority(tmp_path, "stranger")
    tls = settings(authority.issue("server"), tls_client_ca=authority.cert)
    with start(security=tls) as child:
        assert ask(child, trusting(authority, authority.issue("client"))) == 200
        for shown in (None, strange.issue("false")):
            with pytest.raises((OSError, http.client.HTTPException)):
                ask(child, trusting(authority, shown))


def test_a_new_certificate_is_shown_without_a_restart(authority: Authority) -> None:
    issued = authority.issue("first")
    context = trusting(authority)
    with start(security=settings(issued), grpc_port=0) as child:
        grpc = replace(child, port=child.grpc_port)
        assert shown_name(child, context) == shown_name(grpc, context) == "first"
        # between these two the files do not fit each other, which may not harm
        issued.key.write_text("half of a key")
        time.sleep(1.5)  # longer than the server takes to look; nothing is waited for
        assert ask(child, context) == 200
        authority.issue("second", issued.cert, issued.key)
        end_s = time.monotonic() + LIMIT_S
        # both are shown for a moment, and no request may fail meanwhile
        while {shown_name(child, context) for _ in range(10)} != {"second"}:
            assert ask(child, context) == 200
            assert time.monotonic() < end_s
        while shown_name(grpc, context) != "second":
            assert time.monotonic() < end_s


@pytest.mark.parametrize("fault", ["no key", "another key", "no certificate", "no authority"])
def test_wrong_files_end_the_start_with_two(fault: str, authority: Authority) -> None:
    issued = authority.issue("server")
    tls = settings(issued)
    if fault == "no key":
        issued.key.unlink()
    elif fault == "another key":
        tls["tls_key"] = str(authority.issue("other").key)
    elif fault == "no certificate":
        issued.cert.write_text("none")
    else:
        tls["tls_client_ca"] = str(issued.key)
    process = spawn(security=tls)
    _, told = process.communicate(timeout=LIMIT_S)
    assert process.returncode == 2
    assert "--tls-" in told
    assert "Traceback" not in told
