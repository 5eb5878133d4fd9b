"""Bytes of any kind are taken, or refused with a reason: nothing else ever happens.

What once broke a target, or led it somewhere new, lies under `corpus/TARGET/` and is tried at each
run.
"""

import secrets
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some
from tests.fuzz.seeds import seeds
from tests.fuzz.targets import TARGETS, Target

CORPUS = Path(__file__).parent / "corpus"
SEEDS = seeds()
ROUNDS = settings(
    max_examples=300,
    deadline=None,
    derandomize=False,
    database=None,
    suppress_health_check=list(HealthCheck),
)


def of(target: Target) -> str:
    return target.__name__


@pytest.mark.parametrize("target", TARGETS, ids=of)
def test_what_once_broke_is_refused_or_taken(target: Target) -> None:
    for path in sorted((CORPUS / target.__name__).glob("*")):
        target(path.read_bytes())


@pytest.mark.parametrize("target", TARGETS, ids=of)
def test_the_seeds_are_taken_or_refused(target: Target) -> None:
    for seed in SEEDS[target.__name__]:
        target(seed)


@pytest.mark.parametrize("target", TARGETS, ids=of)
def test_any_bytes_are_refused_or_taken(target: Target) -> None:
    @ROUNDS
    @given(some.binary(max_size=400))
    def check(data: bytes) -> None:
        target(data)

    check()


@pytest.mark.parametrize("target", TARGETS, ids=of)
def test_damaged_requests_are_refused_or_taken(target: Target) -> None:
    cuts = some.tuples(
        some.sampled_from(SEEDS[target.__name__]),
        some.integers(0, 400),
        some.integers(0, 40),
        some.one_of(some.binary(max_size=12), some.sampled_from(SPICE)),
    )

    @ROUNDS
    @given(some.lists(cuts, min_size=1, max_size=3))
    def check(steps: list[tuple[bytes, int, int, bytes]]) -> None:
        data = steps[0][0]
        for _, start, length, put in steps:
            place = start % (len(data) + 1)
            data = data[:place] + put + data[place + length :]
        target(data)

    check()


SPICE = [
    b"NaN", b"-Infinity", b"null", b"1e999", b"-0", b"1" * 400, b"[" * 200, b"\xff", b"\\ud800",
    b'"data":', b'"shape":[', b"-1", b"9223372036854775808", b"true", b'""', b"{}", b"\x00",
    b'"binary_data_size":', b"1.0", b"0.5", b'"classification":',
    b"\r\n", b"\r\n\r\n", b"\n", b"Transfer-Encoding: chunked\r\n", b"Content-Length: 3\r\n",
]  # fmt: skip


@pytest.mark.parametrize("target", TARGETS, ids=of)
def test_fresh_damage_is_refused_or_taken(target: Target) -> None:
    for _ in range(500):
        data = bytearray(secrets.choice(SEEDS[target.__name__]) or b"\x00")
        for _ in range(secrets.randbelow(6) + 1):
            data[secrets.randbelow(len(data))] = secrets.randbelow(256)
        try:
            target(bytes(data))
        except BaseException:
            print(bytes(data))
            raise
