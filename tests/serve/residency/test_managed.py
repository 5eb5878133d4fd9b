"""A directory of models behind a catalog: loaded on demand, evicted, reloaded, rolled back."""

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.serve.residency.scaling import link_many, opener, write

from tradewind.errors import ModelError, SettingError
from tradewind.serve import ServedModel, Settings
from tradewind.serve.assembling import Assembler
from tradewind.serve.catalog import State
from tradewind.serve.messages import Arrival, Request
from tradewind.serve.refusals import Reason, Refusal
from tradewind.serve.residency import Compile, Control, Loader, ManagedCatalog, Opener, Residency
from tradewind.serve.security import Gate

NAN = float("nan")


def patient(*given: Any, **more: Any) -> Residency:
    """Return choices under which a busy machine does not decide what is there in time."""
    return Residency(*given, **{"load_wait_s": 120.0, **more})


@asynccontextmanager
async def catalog(
    residency: Residency,
    opens: Opener = opener,
    paths: Mapping[str, Path] | None = None,
    measure: Callable[[], int] | None = None,
) -> AsyncIterator[ManagedCatalog]:
    found = ManagedCatalog(Assembler(Settings(), Gate()), Loader(opens, measure), residency)
    try:
        await found.start([], paths or {})
        yield found
    finally:
        await asyncio.wait_for(found.close(), 60)


def growing(step_bytes: int) -> Callable[[], int]:
    """Return a measure by which every model takes as much."""
    looks = itertools.count()
    return lambda: next(looks) * step_bytes


async def ask(models: ManagedCatalog, name: str, version: str = "", x: float = 1.0) -> float:
    """Return what a model makes of a number, as a wire would ask it."""
    endpoint = models.ready(name, version) or await models.endpoint(name, version)
    with endpoint.lease():
        arrival = Arrival(time.perf_counter(), asyncio.Event().wait)  # type: ignore[arg-type]
        inputs = {"x": np.array([x], np.float32)}
        response = await endpoint.answer(Request("", inputs, (), {}, 4, None, arrival))
        return float(response.outputs["y"][0])


async def settle(models: ManagedCatalog) -> None:
    """Look often enough for a change to count, and wait for what it starts."""
    for _ in range(2):
        await models.poll()
    while any(item.state is State.LOADING for item in models.index()) or models.is_loading:
        await asyncio.sleep(0.005)


def states(models: ManagedCatalog) -> dict[tuple[str, str], State]:
    return {(item.name, item.version): item.state for item in models.index()}


def test_a_model_is_loaded_when_somebody_asks(tmp_path: Path) -> None:
    write(tmp_path / "two.onnx", 2)
    write(tmp_path / "three.onnx", 3)

    async def run() -> None:
        async with catalog(patient(tmp_path)) as models:
            assert set(states(models).values()) == {State.UNAVAILABLE}
            assert await ask(models, "two") == 2
            assert states(models)["two", "1"] is State.READY
            assert states(models)["three", "1"] is State.UNAVAILABLE
            [endpoint] = models.endpoints()
            assert endpoint.metrics.resident_bytes() > 0

    asyncio.run(run())


def test_however_many_wait_a_model_is_loaded_once(tmp_path: Path) -> None:
    write(tmp_path / "two.onnx", 2)
    opened: list[str] = []

    def counting(path: Path, name: str, version: str) -> Compile:
        opened.append(name)
        time.sleep(0.05)
        return opener(path, name, version)

    async def run() -> None:
        async with catalog(patient(tmp_path), counting) as models:
            assert await asyncio.gather(*(ask(models, "two") for _ in range(50))) == [2] * 50

    asyncio.run(run())
    assert opened == ["two"]


def test_who_has_waited_long_enough_is_told_to_come_back(tmp_path: Path) -> None:
    write(tmp_path / "two.onnx", 2)
    gate: list[bool] = []

    def slow(path: Path, name: str, version: str) -> Compile:
        while not gate:
            time.sleep(0.005)
        return opener(path, name, version)

    async def run() -> None:
        async with catalog(patient(tmp_path, load_wait_s=0.02), slow) as models:
            with pytest.raises(Refusal) as refused:
                await ask(models, "two")
            assert (refused.value.reason, refused.value.status) == (Reason.LOADING, 503)
            assert refused.value.retry_after_s >= 1
            assert states(models)["two", "1"] is State.LOADING
            gate.append(True)
            while models.is_loading:
                await asyncio.sleep(0.005)
            assert await ask(models, "two") == 2

    asyncio.run(run())


def test_a_corrupt_model_says_why_and_takes_nobody_down(tmp_path: Path) -> None:
    write(tmp_path / "two.onnx", 2)
    (tmp_path / "broken.onnx").write_bytes(b"\x08\x07no model")

    async def run() -> None:
        async with catalog(patient(tmp_path)) as models:
            with pytest.raises(Refusal) as refused:
                await ask(models, "broken")
            assert refused.value.reason is Reason.LOAD_FAILED
            [note] = [item.reason for item in models.index() if item.name == "broken"]
            assert "broken.onnx" in note
            assert await ask(models, "two") == 2

    asyncio.run(run())


def test_a_corrupt_version_leaves_the_answer_to_the_one_before(tmp_path: Path) -> None:
    write(tmp_path / "m" / "1.onnx", 1)
    (tmp_path / "m" / "2.onnx").write_bytes(b"nothing")

    async def run() -> None:
        async with catalog(patient(tmp_path)) as models:
            assert await ask(models, "m") == 1
            with pytest.raises(Refusal):
                await ask(models, "m", "2")

    asyncio.run(run())


def test_versions_and_labels_are_asked_by_name(tmp_path: Path) -> None:
    for version in (1, 2, 3):
        write(tmp_path / "m" / f"{version}.onnx", version)
    (tmp_path / "m" / "labels.json").write_text('{"stable": 2, "canary": "3"}')

    async def run() -> None:
        async with catalog(patient(tmp_path, Control.POLL, poll_s=1e6)) as models:
            assert await ask(models, "m") == 2
            assert await ask(models, "m", "canary") == 3
            assert await ask(models, "m", "1") == 1
            with pytest.raises(Refusal) as refused:
                await ask(models, "m", "beta")
            assert refused.value.reason is Reason.UNKNOWN_MODEL
            (tmp_path / "m" / "labels.json").write_text('{"stable": 1}')
            await settle(models)
            assert await ask(models, "m") == 1
            assert models.ready("m", "canary") is None

    asyncio.run(run())


def test_the_least_recently_used_makes_room(tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        write(tmp_path / f"{name}.onnx", 2)
    residency = patient(tmp_path, memory_bytes=25_000_000, min_stay_s=0)

    async def run() -> None:
        async with catalog(residency, measure=growing(10_000_000)) as models:
            await ask(models, "a")
            await ask(models, "b")
            await ask(models, "a")
            await ask(models, "c")
            assert [item.state for item in models.index()] == [
                State.READY,
                State.UNAVAILABLE,
                State.READY,
            ]
            assert await ask(models, "b") == 2
            assert states(models)["a", "1"] is State.UNAVAILABLE

    asyncio.run(run())


def test_a_model_with_a_request_on_its_way_is_never_evicted(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write(tmp_path / f"{name}.onnx", 2)
    residency = patient(tmp_path, memory_bytes=15_000_000, min_stay_s=0)

    async def run() -> None:
        async with catalog(residency, measure=growing(10_000_000)) as models:
            busy = await models.endpoint("a")
            with busy.lease():
                with pytest.raises(Refusal) as refused:
                    await ask(models, "b")
                assert refused.value.reason is Reason.NO_ROOM
                assert refused.value.retry_after_s >= 1
                assert await ask(models, "a") == 2
            assert await ask(models, "b") == 2

    asyncio.run(run())


def test_what_a_model_takes_is_measured(tmp_path: Path) -> None:
    path = write(tmp_path / "large.onnx", 2, 2**26)

    async def run() -> None:
        loader = Loader(opener)
        loaded = await loader.load(path, "large", "1")
        assert 2**25 < loaded.size_bytes < 2**28  # its weights, once; others allocate meanwhile
        loader.close()

    asyncio.run(run())


def test_a_model_that_can_never_fit_is_refused_without_being_loaded(tmp_path: Path) -> None:
    write(tmp_path / "large.onnx", 2, 2**20)

    async def run() -> None:
        async with catalog(patient(tmp_path, memory_bytes=2**18)) as models:
            with pytest.raises(Refusal) as refused:
                await ask(models, "large")
            assert refused.value.reason is Reason.NO_ROOM

    asyncio.run(run())


def test_a_changed_file_is_reloaded_and_compared(tmp_path: Path) -> None:
    path = write(tmp_path / "m.onnx", 2)

    async def run() -> None:
        async with catalog(patient(tmp_path, Control.POLL, poll_s=1e6)) as models:
            assert await ask(models, "m", x=10) == 20
            write(path, 3)
            await settle(models)
            assert await ask(models, "m") == 3
            [listed] = models.index()
            assert listed.reason == "differs by 0.5 at most on 1 requests"

    asyncio.run(run())


@pytest.mark.parametrize("damage", ["bytes", "nan", "gone"])
def test_a_bad_reload_leaves_the_old_model_answering(tmp_path: Path, damage: str) -> None:
    path = write(tmp_path / "m.onnx", 2)

    async def run() -> None:
        async with catalog(patient(tmp_path, Control.POLL, poll_s=1e6)) as models:
            assert await ask(models, "m") == 2
            if damage == "bytes":
                path.write_bytes(b"half a copy")
            elif damage == "nan":
                write(path, NAN)
            else:
                path.unlink()
                write(tmp_path / "other.onnx", 1)
            await settle(models)
            if damage == "gone":
                with pytest.raises(Refusal) as refused:
                    await ask(models, "m")
                assert refused.value.reason is Reason.UNKNOWN_MODEL
                return
            assert await ask(models, "m") == 2
            [listed] = models.index()
            assert listed.state is State.READY
            assert ("NaN" if damage == "nan" else "m.onnx") in listed.reason
            write(path, 5)
            await settle(models)
            assert await ask(models, "m") == 5

    asyncio.run(run())


def test_a_newer_version_takes_over_once_it_is_warm(tmp_path: Path) -> None:
    write(tmp_path / "m" / "1.onnx", 1)

    async def run() -> None:
        async with catalog(patient(tmp_path, Control.POLL, poll_s=1e6)) as models:
            assert await ask(models, "m") == 1
            write(tmp_path / "m" / "2.onnx", 2)
            await settle(models)
            ready = models.ready("m")
            assert ready is not None
            assert ready.model.version == "2"

    asyncio.run(run())


def test_the_old_version_is_closed_after_its_last_request(tmp_path: Path) -> None:
    path = write(tmp_path / "m.onnx", 2)

    async def run() -> None:
        async with catalog(patient(tmp_path, Control.POLL, poll_s=1e6)) as models:
            old = await models.endpoint("m")
            with old.lease():
                write(path, 3)
                await settle(models)
                assert models.ready("m") is not old
                assert old.model.runner({"x": np.ones(1, np.float32)})["y"] == 2
            await asyncio.wait_for(models.drained(), 30)
            with pytest.raises(Exception, match="closed"):
                old.model.runner({"x": np.ones(1, np.float32)})

    asyncio.run(run())


def test_only_whoever_controls_the_server_loads_in_explicit_mode(tmp_path: Path) -> None:
    write(tmp_path / "m.onnx", 2)

    async def run() -> None:
        async with catalog(patient(tmp_path, Control.EXPLICIT)) as models:
            with pytest.raises(Refusal) as refused:
                await ask(models, "m")
            assert (refused.value.reason, refused.value.status) == (Reason.NOT_LOADED, 404)
            await models.load("m", {})
            assert await ask(models, "m") == 2
            write(tmp_path / "m.onnx", 7)
            await models.load("m", {})
            assert await ask(models, "m") == 7
            await models.unload("m")
            with pytest.raises(Refusal):
                await ask(models, "m")
            write(tmp_path / "new.onnx", 4)
            await models.load("new", {})
            assert await ask(models, "new") == 4
            (tmp_path / "new.onnx").write_bytes(b"nothing")
            with pytest.raises(Refusal) as refused:
                await models.load("new", {})
            assert refused.value.reason is Reason.LOAD_FAILED
            assert await ask(models, "new") == 4

    asyncio.run(run())


@pytest.mark.parametrize("control", [Control.NONE, Control.POLL])
def test_nobody_else_controls_the_other_modes(tmp_path: Path, control: Control) -> None:
    write(tmp_path / "m.onnx", 2)

    async def run() -> None:
        async with catalog(patient(tmp_path, control)) as models:
            for wish in (models.load("m", {}), models.unload("m")):
                with pytest.raises(Refusal) as refused:
                    await wish
                assert refused.value.reason is Reason.NOT_MANAGED

    asyncio.run(run())


def test_named_models_stay_and_are_loaded_at_the_start(tmp_path: Path) -> None:
    path = write(tmp_path / "named.onnx", 2, 2**20)
    folder = tmp_path / "more"
    write(folder / "other.onnx", 3, 2**20)

    async def run() -> None:
        residency = patient(folder, memory_bytes=2**40, min_stay_s=0)
        async with catalog(residency, paths={"named": path}) as models:
            assert states(models) == {
                ("named", "1"): State.READY,
                ("other", "1"): State.UNAVAILABLE,
            }
        with pytest.raises(ModelError):
            async with catalog(residency, paths={"gone": tmp_path / "gone.onnx"}):
                pass
        with pytest.raises(SettingError, match="--load-model"):
            async with catalog(patient(folder, load=("nobody",))):
                pass

    asyncio.run(run())


def test_a_thousand_models_are_listed_without_opening_one(tmp_path: Path) -> None:
    folder = tmp_path / "many"
    folder.mkdir()
    link_many(folder, write(tmp_path / "source.onnx", 2), 1000)
    opened: list[str] = []

    def counting(path: Path, name: str, version: str) -> Compile:
        opened.append(name)
        return opener(path, name, version)

    async def run() -> None:
        async with catalog(patient(folder, Control.POLL, poll_s=1e6), counting) as models:
            assert len(models.index()) == 1000
            assert not opened
            await models.poll()
            assert await ask(models, "m0777") == 2

    asyncio.run(run())
    assert opened == ["m0777"]


def test_counts_of_a_model_survive_its_reload(tmp_path: Path) -> None:
    path = write(tmp_path / "m.onnx", 2)

    async def run() -> None:
        async with catalog(patient(tmp_path, Control.POLL, poll_s=1e6)) as models:
            await ask(models, "m")
            write(path, 3)
            await settle(models)
            await ask(models, "m")
            [endpoint] = models.endpoints()
            assert endpoint.metrics.answered == 2

    asyncio.run(run())


def test_a_model_given_by_the_caller_answers_and_stays(tmp_path: Path) -> None:
    model: ServedModel = opener(write(tmp_path / "m.onnx", 2), "m", "1")()

    async def run() -> None:
        found = ManagedCatalog(Assembler(Settings(), Gate()), Loader(opener), Residency())
        await found.start([model], {})
        assert await ask(found, "m") == 2
        with pytest.raises(SettingError, match="m twice"):
            await found.start([model], {})
        await found.close()
        assert model.runner({"x": np.ones(1, np.float32)})["y"] == 2

    asyncio.run(run())
