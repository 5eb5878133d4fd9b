import asyncio
import secrets
import time
from collections.abc import Mapping
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from tests.serve.child import start, tensor
from tests.serve.wire.test_inference import ARRIVAL

from tradewind.errors import SettingError
from tradewind.serve.caching import Cache, Cached, Caching, key_of
from tradewind.serve.messages import Request, Response
from tradewind.serve.observing import ModelMetrics
from tradewind.tensors import Array

KEPT = Caching(max_bytes=1 << 20, max_age_s=60)


def numbers(*values: float) -> Array:
    return np.array(values, np.float32)


class Clock:
    """A time that stands still."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


class Counting:
    """Doubles, and counts how often."""

    def __init__(self) -> None:
        self.asked = 0

    async def __call__(self, request: Request) -> Response:
        self.asked += 1
        return Response({"y": request.inputs["x"] * 2}, 0.1, 0.2, 1)


def request(array: Array, parameters: Mapping[str, Any] | None = None) -> Request:
    return Request("", {"x": array}, (), parameters or {}, array.nbytes, None, ARRIVAL)


def ask(answer: Cached, *requests: Request) -> list[Response]:
    async def all_of_them() -> list[Response]:
        return [await answer(one) for one in requests]

    return asyncio.run(all_of_them())


def test_the_same_inputs_are_computed_once() -> None:
    inner, metrics = Counting(), ModelMetrics(int, int)
    answer = Cached(inner, Cache(KEPT), "digest", metrics)
    first, second, other = ask(answer, *map(request, (numbers(1), numbers(1), numbers(2))))
    assert [one.outputs["y"].tolist() for one in (first, second, other)] == [[2], [2], [4]]
    assert [one.is_cached for one in (first, second, other)] == [False, True, False]
    assert (inner.asked, metrics.cache_misses.count) == (2, 2)


@pytest.mark.parametrize(("digest", "asked"), [("same", 1), ("", 2)])
def test_only_what_is_known_to_answer_alike_shares_answers(digest: str, asked: int) -> None:
    inner, cache = Counting(), Cache(KEPT)
    for _ in range(2):
        ask(Cached(inner, cache, digest, ModelMetrics(int, int)), request(numbers(1)))
    assert inner.asked == asked


def test_requests_with_a_state_or_long_inputs_are_not_kept() -> None:
    inner = Counting()
    answer = Cached(inner, Cache(KEPT), "digest", ModelMetrics(int, int))
    long = np.zeros(1 << 19, np.float32)
    ask(answer, *[request(numbers(1), {"sequence_id": 7})] * 2, *[request(long)] * 2)
    assert inner.asked == 4


def test_an_answer_that_is_changed_afterwards_stays_as_it_was_kept() -> None:
    cache, given = Cache(KEPT), numbers(1, 2, 3)
    cache.put(b"k", {"y": given[1:]})
    given[:] = 0
    found = cache.get(b"k")
    assert found is not None
    assert found["y"].tolist() == [2, 3]
    assert found["y"].base is None


def test_an_old_answer_is_forgotten() -> None:
    clock = Clock()
    cache = Cache(KEPT, clock)
    cache.put(b"k", {"y": numbers(1)})
    clock.now_s = 59.9
    assert cache.get(b"k") is not None
    clock.now_s = 60
    assert cache.get(b"k") is None
    assert cache.held_bytes == 0


def test_the_cache_never_takes_more_than_it_may() -> None:
    seed = secrets.randbits(32)
    print(f"seed {seed}")
    random = np.random.default_rng(seed)
    cache = Cache(Caching(max_bytes=5000))
    newest = [b""] * 2
    for _ in range(2000):
        key, size = random.bytes(1), int(random.integers(0, 2000))
        if random.random() < 0.5:
            cache.put(key, {"y": np.zeros(size, np.uint8)})
            newest = [newest[1], key]
        else:
            cache.get(key)
        assert 0 <= cache.held_bytes <= 5000
    found = cache.get(newest[1])
    assert found is not None


def test_what_is_larger_than_the_cache_drives_nothing_out() -> None:
    cache = Cache(Caching(max_bytes=5000))
    cache.put(b"a", {"y": np.zeros(100, np.uint8)})
    cache.put(b"b", {"y": np.zeros(9000, np.uint8)})
    assert cache.get(b"a") is not None
    assert cache.get(b"b") is None


def test_the_answer_that_was_not_asked_for_longest_goes_first() -> None:
    cache = Cache(Caching(max_bytes=2500))
    for key in (b"a", b"b"):
        cache.put(key, {"y": np.zeros(500, np.uint8)})
    cache.get(b"a")
    cache.put(b"c", {"y": np.zeros(500, np.uint8)})
    assert [cache.get(key) is not None for key in (b"a", b"b", b"c")] == [True, False, True]


DIFFERENT: list[dict[str, Array]] = [
    {"x": numbers(1, 2)},
    {"x": numbers(1, 2).reshape(1, 2)},
    {"x": numbers(1, 2).view(np.int32)},
    {"x": numbers(1), "y": numbers(2)},
    {"x": numbers(1)},
    {"y": numbers(1)},
    {"x": np.array(["ab", "c"], object)},
    {"x": np.array(["a", "bc"], object)},
    {"x": np.array([["a", "bc"]], object)},
    {"x": np.zeros((0, 3), np.float32)},
    {"x": np.zeros((3, 0), np.float32)},
    {"x": np.zeros(2, np.uint16)},
    {"x": np.zeros(2, ml_dtypes.bfloat16)},
    {"x": np.zeros((), np.float32)},
    {"x": np.zeros(1, np.float32)},
]


def test_different_inputs_have_different_keys() -> None:
    keys = {key_of(origin, one) for one in DIFFERENT for origin in (b"", b"a")}
    assert len(keys) == 2 * len(DIFFERENT)


def test_the_order_and_the_layout_of_inputs_make_no_difference() -> None:
    given = np.arange(6, dtype=np.float32).reshape(2, 3)
    one = key_of(b"", {"a": given, "b": numbers(1)})
    assert one == key_of(b"", {"b": numbers(1), "a": np.asfortranarray(given)})


def test_a_server_counts_what_it_had_kept() -> None:
    with start(caching={"max_bytes": 1 << 20, "max_age_s": 60}) as server:
        for _ in range(3):
            answer = server.infer("slow", {"id": secrets.token_hex(4), **tensor([1.5])})
            assert answer.json["outputs"][0]["data"] == [1.5]
        assert server.infer("slow", tensor([2.5])).json["outputs"][0]["data"] == [2.5]
        [told] = server.ask("/v2/models/slow/stats").json["model_stats"]
        counts = told["inference_stats"]
        assert [counts[name]["count"] for name in ("success", "cache_hit", "cache_miss")] == [
            4,
            2,
            2,
        ]
        assert told["inference_count"] == told["execution_count"] == 2
        assert time.time() * 1e3 >= told["last_inference"] > 0


@pytest.mark.parametrize(
    "wrong", [{"max_bytes": -1}, {"max_age_s": 0}, {"max_age_s": float("nan")}]
)
def test_a_cache_has_a_size_and_an_age(wrong: dict[str, Any]) -> None:
    with pytest.raises(SettingError):
        Caching(**wrong)
