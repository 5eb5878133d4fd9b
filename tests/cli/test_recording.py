import json
import urllib.request
from pathlib import Path

import numpy as np
import pytest
from tests.cli.child import tradewind
from tests.cli.samples import features
from tests.cli.test_serve import infer, serving

from tradewind.serve.observing.captured import read


def test_what_is_asked_for_is_recorded(
    bundle: Path, tmp_path: Path, random: np.random.Generator
) -> None:
    log, folder = tmp_path / "access.log", tmp_path / "captured"
    x = features(random, 5)
    options = [
        "--access-log", log, "--server-timing", "--triton-metrics", "--watts-per-core", "7",
        "--capture", folder, "--capture-rate", "1", "--capture-max-mb", "2",
        "--capture-redact", "y, z",
    ]  # fmt: skip
    with serving(bundle, *options) as (url, process):
        infer(url, "model", "x", "FP32", x)
        with urllib.request.urlopen(f"{url}/metrics", timeout=30) as response:
            shown = response.read().decode()
        process.terminate()
        process.communicate(timeout=60)
    assert 'nv_inference_request_success{model="model",version="1"} 1.0' in shown
    assert "tradewind_energy_joules_estimated_total" in shown
    first = json.loads(log.read_text().splitlines()[0])
    assert (first["path"], first["status"]) == ("/v2/models/model/infer", 200)
    (found,) = read(folder)
    np.testing.assert_array_equal(found.inputs["x"], x)


@pytest.mark.parametrize(
    ("options", "where"),
    [
        (["--capture-redact", "x"], "--capture-redact"),
        (["--capture", "here", "--capture-max-mb", "0"], "--capture-max-mb"),
        (["--capture", "here", "--capture-rate", "2"], "--capture-rate"),
        (["--trace-rate", "-1"], "--trace-rate"),
        (["--capture-rate", "1"], "--capture-rate"),
        (["--capture-max-mb", "9"], "--capture-max-mb"),
        (["--trace-rate", "0.1"], "--trace-rate"),
    ],
)
def test_options_that_would_do_nothing_or_are_out_of_range_are_refused(
    options: list[str], where: str
) -> None:
    done = tradewind("serve", "model.onnx", *options)
    assert done.code == 2
    assert where in done.err
