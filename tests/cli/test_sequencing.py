import json
import urllib.request
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from tests.cli.conftest import Quick
from tests.cli.test_serve import serving
from tests.serve.recurrent import GRU_STATES, SIZE, gru, stepped

from tradewind.cli.sequencing import Remembered
from tradewind.errors import SettingError
from tradewind.serve import Sequences, State


def remembered(*texts: str) -> Remembered:
    return Remembered(texts, Sequences())


def test_states_are_of_the_only_model_or_of_the_one_that_is_named() -> None:
    assert remembered("h=g").states(["m"]) == {"m": (State("h", "g"),)}
    found = remembered("m:a=b", "other:h:0=g:0@1", "m:c=d").states(["m", "other"])
    assert found == {
        "m": (State("a", "b"), State("c", "d")),
        "other": (State("h:0", "g:0", 1.0),),
    }
    assert remembered("later:a=b").states(["m"], is_complete=False) == {"later": (State("a", "b"),)}


@pytest.mark.parametrize("text", ["h=g", "absent:h=g", "m:h", "m:=g", "m:h=g@x"])
def test_states_of_nobody_are_refused(text: str) -> None:
    with pytest.raises(SettingError):
        remembered(text).states(["m", "other"])


def test_a_recurrent_model_is_served(tmp_path: Path, random: np.random.Generator) -> None:
    proto = gru(random)
    onnx.save(proto, tmp_path / "gru.onnx")
    rows = random.standard_normal((4, SIZE)).astype(np.float32)

    def ask(url: str, row: Any, **parameters: Any) -> list[float]:
        x = {"name": "x", "datatype": "FP32", "shape": [1, SIZE], "data": row.tolist()}
        body = json.dumps({"inputs": [x], "parameters": {"sequence_id": 7, **parameters}})
        where = f"{url}/v2/models/gru/infer"
        with urllib.request.urlopen(where, body.encode(), timeout=30) as response:
            [output] = json.load(response)["outputs"]
        data: list[float] = output["data"]
        return data

    with serving(tmp_path / "gru.onnx", "--state", "h_in=h_out") as (url, _):
        found = [ask(url, row, sequence_start=step == 0) for step, row in enumerate(rows)]
    wanted = [one["y"][0] for one in stepped(proto, GRU_STATES, rows)]
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--state", "h_in=y"], "h_in=h_out were meant"),
        (["--state", "h_in=h_out", "--workers", "2"], "one worker"),
        (["--state", "other:h_in=h_out"], "expected one of gru"),
        (["--max-sequences", "0"], "--max-sequences: expected 1 or more"),
    ],
)
def test_states_that_cannot_be_kept_end_with_two(
    options: list[str], message: str, tmp_path: Path, random: np.random.Generator, quick: Quick
) -> None:
    onnx.save(gru(random), tmp_path / "gru.onnx")
    done = quick("serve", tmp_path / "gru.onnx", "--http-port", "0", "--no-grpc", *options)
    assert (done.code, message in " ".join(done.err.split())) == (2, True), done.err
