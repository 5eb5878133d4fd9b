"""Models with states in a directory: when they go, their sequences go with them."""

import asyncio
import time
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from tests.serve.recurrent import COUNTER_STATES, compiled, counter
from tests.serve.residency.test_managed import catalog, growing, patient, settle

from tradewind.serve import ServedModel
from tradewind.serve.messages import Arrival, Request
from tradewind.serve.refusals import Reason, Refusal
from tradewind.serve.residency import Compile, Control, ManagedCatalog


def opener(path: Path, name: str, version: str) -> Compile:
    def make() -> ServedModel:
        runner = compiled(onnx.load(path))
        return ServedModel(name, runner, "test", version, states=COUNTER_STATES)

    return make


async def ask(models: ManagedCatalog, name: str, **parameters: Any) -> int:
    """Return how many steps a sequence has gone."""
    endpoint = models.ready(name) or await models.endpoint(name)
    with endpoint.lease():
        arrival = Arrival(time.perf_counter(), asyncio.Event().wait)  # type: ignore[arg-type]
        inputs = {"x": np.ones((1, 2), np.float32)}
        asked = {"sequence_id": 7, **parameters}
        response = await endpoint.answer(Request("", inputs, (), asked, 8, None, arrival))
        return int(response.outputs["n"][0, 0])


def test_a_model_stays_while_it_remembers_a_sequence(tmp_path: Path) -> None:
    for name in ("a", "b"):
        onnx.save(counter(), tmp_path / f"{name}.onnx")
    residency = patient(tmp_path, memory_bytes=15_000_000, min_stay_s=0)

    async def run() -> None:
        async with catalog(residency, opener, measure=growing(10_000_000)) as models:
            await ask(models, "a", sequence_start=True)
            with pytest.raises(Refusal) as refused:
                await ask(models, "b", sequence_start=True)
            assert refused.value.reason is Reason.NO_ROOM
            assert await ask(models, "a", sequence_end=True) == 2
            assert await ask(models, "b", sequence_start=True) == 1

    asyncio.run(run())


def test_a_reload_is_compared_at_the_first_step_and_forgets(tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    proto = counter()
    onnx.save(proto, path)

    async def run() -> None:
        residency = patient(tmp_path, Control.POLL, poll_s=1e6)
        async with catalog(residency, opener) as models:
            assert await ask(models, "m", sequence_start=True) == 1
            proto.doc_string = "newer"
            half = path.with_name(".half")
            onnx.save(proto, half)
            half.replace(path)
            await settle(models)
            [listed] = models.index()
            assert listed.reason == "differs by 0 at most on 1 requests"
            with pytest.raises(Refusal, match="reloaded") as refused:
                await ask(models, "m")
            assert refused.value.reason is Reason.UNKNOWN_SEQUENCE

    asyncio.run(run())
