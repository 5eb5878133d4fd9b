import pytest

from tradewind.serve.wire.http.head import MAX_FIELDS, Heads, Malformed, read_head

GOOD = b"Host: x\r\n"


def head(line: bytes = b"POST /a?b=c HTTP/1.1", fields: bytes = GOOD) -> bytes:
    return line + b"\r\n" + fields + b"\r\n"


def test_a_head_says_what_is_wanted() -> None:
    found = read_head(head(fields=GOOD + b"Content-Length: 07\r\nX-Odd:\t \xe9 \t\r\nA:\r\n"))
    assert (found.method, found.path, found.length) == ("POST", "/a", 7)
    assert found.headers["x-odd"] == "\xe9"
    assert found.headers["a"] == ""
    assert (found.is_chunked, found.is_kept, found.is_old, found.waits) == (
        False,
        True,
        False,
        False,
    )


def test_a_field_that_comes_twice_is_a_list() -> None:
    found = read_head(head(fields=GOOD + b"Accept: a\r\naccept: b\r\n"))
    assert found.headers["accept"] == "a, b"


@pytest.mark.parametrize(
    ("target", "path"),
    [
        (b"/", "/"),
        (b"/%41?x", "/%41"),
        (b"/\xc3\xa9", "/\u00e9"),
        (b"http://h:1/a/b?c", "/a/b"),
        (b"HTTP://h", "/"),
        (b"*", "*"),
        (b"//a", "//a"),
    ],
)
def test_a_target_has_a_path(target: bytes, path: str) -> None:
    assert read_head(head(b"GET " + target + b" HTTP/1.1")).path == path


@pytest.mark.parametrize(
    ("line", "connection", "is_kept"),
    [
        (b"GET / HTTP/1.1", b"", True),
        (b"GET / HTTP/1.1", b"Connection: x, Close\r\n", False),
        (b"GET / HTTP/1.0", b"", False),
        (b"GET / HTTP/1.0", b"Connection: Keep-Alive\r\n", True),
    ],
)
def test_a_connection_is_kept_as_its_client_wishes(
    line: bytes, connection: bytes, is_kept: bool
) -> None:
    assert read_head(head(line, GOOD + connection)).is_kept is is_kept


REFUSED = {
    "no line": (head(b""), 400),
    "two spaces": (head(b"GET  / HTTP/1.1"), 400),
    "a control character": (head(b"GET /\x01 HTTP/1.1"), 400),
    "no version": (head(b"GET /"), 400),
    "HTTP/2": (head(b"PRI * HTTP/2.0", b""), 505),
    "no host": (head(fields=b""), 400),
    "two hosts": (head(fields=GOOD + GOOD), 400),
    "a space before the colon": (head(fields=GOOD + b"A : b\r\n"), 400),
    "a folded line": (head(fields=GOOD + b"A: b\r\n c\r\n"), 400),
    "no colon": (head(fields=GOOD + b"A\r\n"), 400),
    "no name": (head(fields=GOOD + b": b\r\n"), 400),
    "a bare line feed": (head(fields=b"Host: x\nA: b\r\n"), 400),
    "a bare carriage return": (head(fields=b"Host: x\rA: b\r\n"), 400),
    "a zero": (head(fields=GOOD + b"A: \0\r\n"), 400),
    "two lengths": (head(fields=GOOD + b"Content-Length: 1\r\nContent-Length: 1\r\n"), 400),
    "a list of lengths": (head(fields=GOOD + b"Content-Length: 1, 1\r\n"), 400),
    "a sign": (head(fields=GOOD + b"Content-Length: +1\r\n"), 400),
    "an odd digit": (head(fields=GOOD + b"Content-Length: \xb2\r\n"), 400),
    "an empty length": (head(fields=GOOD + b"Content-Length:\r\n"), 400),
    "a long length": (head(fields=GOOD + b"Content-Length: " + b"9" * 30 + b"\r\n"), 400),
    "both framings": (
        head(fields=GOOD + b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n"),
        400,
    ),
    "two codings": (head(fields=GOOD + b"Transfer-Encoding: gzip, chunked\r\n"), 501),
    "a coding twice": (head(fields=GOOD + b"Transfer-Encoding: chunked\r\n" * 2), 400),
    "chunks of old": (head(b"GET / HTTP/1.0", b"Transfer-Encoding: chunked\r\n"), 400),
    "another wish": (head(fields=GOOD + b"Expect: a miracle\r\n"), 417),
    "too many": (head(fields=GOOD + b"A: b\r\n" * MAX_FIELDS), 431),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_could_be_read_in_two_ways_is_refused(name: str) -> None:
    data, status = REFUSED[name]
    with pytest.raises(Malformed) as caught:
        read_head(data)
    assert caught.value.status == status


def test_a_head_that_comes_again_is_not_read_again() -> None:
    heads = Heads()
    assert heads.read(head()) is heads.read(bytes(bytearray(head())))
    for number in range(2000):  # what is remembered has an end
        assert heads.read(head(b"GET /%d HTTP/1.1" % number)).path == f"/{number}"
    assert len(heads) <= 512
