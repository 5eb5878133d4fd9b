import asyncio
import threading
import time
from collections.abc import Sequence
from typing import final

import numpy as np
import pytest

from tradewind.runners import Runner
from tradewind.serve.batching.compute import Compute, Result
from tradewind.serve.batching.threads import Threads
from tradewind.serve.messages import Arrival, Request, Response
from tradewind.tensors import Array, Datatype, Signature, Tensors, TensorSpec


@final
class Spy(Runner):
    """Remembers on which threads it was called."""

    def __init__(self, delay_s: float = 0.0) -> None:
        self.delay_s = delay_s
        self.threads: list[int] = []

    @property
    def signature(self) -> Signature:
        return Signature((), ())

    def __call__(self, inputs: Tensors) -> dict[str, Array]:
        self.threads.append(threading.get_ident())
        time.sleep(self.delay_s)
        return {}

    def close(self) -> None:
        pass


@final
class Mixer(Runner):
    """Answers with its input, changed by what else is in the batch in one of several ways."""

    def __init__(self, way: str) -> None:
        self._way = way
        self.batches: list[int] = []

    @property
    def signature(self) -> Signature:
        return Signature(
            (TensorSpec("x", Datatype.FP32, ("N", 2)),), (TensorSpec("y", Datatype.FP32, ("M", 2)),)
        )

    def __call__(self, inputs: Tensors) -> dict[str, Array]:
        x = inputs["x"]
        self.batches.append(len(x))
        if self._way == "mean":
            return {"y": x - x.mean(axis=0)}
        if self._way == "shorter":
            return {"y": x[:1]}
        if self._way == "backwards":
            return {"y": x[::-1]}
        return {"y": x}

    def close(self) -> None:
        pass


async def nobody() -> None:
    raise NotImplementedError


def request(size_bytes: int = 100, inputs: Tensors | None = None) -> Request:
    arrival = Arrival(time.perf_counter(), nobody)
    return Request("", dict(inputs or {}), (), {}, size_bytes, None, arrival)


async def answered(compute: Compute, requests: Sequence[Request]) -> Sequence[Result]:
    """Return the results as admission gets them."""
    if len(requests) == 1:
        response = compute.at_once(requests[0])
        if response is not None:
            return [response]
    future: asyncio.Future[Sequence[Result]] = asyncio.get_running_loop().create_future()
    compute.start(requests, future.set_result)
    return await future


async def ask(spy: Spy, sizes: list[int]) -> list[bool]:
    """Return for each request whether it was computed on the event loop."""
    threads = Threads(1, "test")
    compute = Compute(spy, threads)
    for size in sizes:
        await answered(compute, [request(size)])
    threads.close()
    return [ident == threading.get_ident() for ident in spy.threads]


def test_a_quick_model_moves_to_the_event_loop() -> None:
    found = asyncio.run(ask(Spy(), [100] * 50))
    assert not found[0]
    assert found[-1]


def test_a_slow_model_stays_on_its_threads() -> None:
    assert not any(asyncio.run(ask(Spy(delay_s=0.001), [100] * 20)))


def test_a_request_of_another_size_starts_on_a_thread() -> None:
    found = asyncio.run(ask(Spy(), [100] * 50 + [10_000]))
    assert not found[-1]


def test_a_model_that_becomes_slow_leaves_the_event_loop() -> None:
    async def scenario() -> list[bool]:
        spy = Spy()
        threads = Threads(1, "test")
        compute = Compute(spy, threads)
        for _ in range(50):
            await answered(compute, [request()])
        spy.delay_s = 0.001
        spy.threads.clear()
        for _ in range(250):
            await answered(compute, [request()])
        threads.close()
        return [ident == threading.get_ident() for ident in spy.threads]

    assert not asyncio.run(scenario())[-1]


def together(runner: Runner, values: list[float], batches: int = 1) -> list[Array]:
    """Return the answers to requests of one row each, computed together if that is possible."""

    async def scenario() -> list[Array]:
        threads = Threads(1, "test")
        compute = Compute(runner, threads, "m")
        requests = [request(inputs={"x": np.full((1, 2), x, np.float32)}) for x in values]
        for _ in range(batches):
            if compute.company.is_possible:
                results = await answered(compute, requests)
            else:
                results = [(await answered(compute, [one]))[0] for one in requests]
        threads.close()
        assert all(isinstance(one, Response) for one in results)
        return [one.outputs["y"] for one in results if isinstance(one, Response)]

    return asyncio.run(scenario())


def test_a_model_that_keeps_rows_apart_is_asked_about_them_together() -> None:
    mixer = Mixer("")
    found = together(mixer, [1.0, 2.0, 3.0], batches=3)
    assert [one.tolist() for one in found] == [[[1.0, 1.0]], [[2.0, 2.0]], [[3.0, 3.0]]]
    assert mixer.batches == [3, 1, 1, 1, 3, 3]  # the first time, alone as well


@pytest.mark.parametrize("way", ["mean", "shorter", "backwards"])
def test_a_model_that_mixes_rows_answers_as_if_each_were_alone(
    way: str, caplog: pytest.LogCaptureFixture
) -> None:
    mixer = Mixer(way)
    found = together(mixer, [1.0, 2.0, 3.0], batches=2)
    alone = [together(Mixer(way), [value])[0] for value in (1.0, 2.0, 3.0)]
    np.testing.assert_array_equal(found, alone)
    assert mixer.batches[-3:] == [1, 1, 1]
    assert "one request at a time" in caplog.text


def test_equal_requests_say_nothing_about_mixing() -> None:
    mixer = Mixer("mean")

    async def scenario() -> list[Result]:
        threads = Threads(1, "test")
        compute = Compute(mixer, threads, "m")
        same = [request(inputs={"x": np.ones((1, 2), np.float32)}) for _ in range(2)]
        for _ in range(5):
            await answered(compute, same)
        before = compute.company.is_possible
        assert mixer.batches == [2, 1, 1] * 3 + [2, 2]  # no longer twice
        different = [request(inputs={"x": np.full((1, 2), x, np.float32)}) for x in (1.0, 2.0)]
        results = await answered(compute, different)
        assert (before, compute.company.is_possible) == (True, False)
        threads.close()
        return list(results)

    found = asyncio.run(scenario())
    assert all(isinstance(one, Response) and not one.outputs["y"].any() for one in found)
