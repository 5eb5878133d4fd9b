import json
import signal
import socket
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from tests.cli.child import COMMAND, ENVIRONMENT, tradewind
from tests.cli.conftest import Quick
from tests.cli.samples import Sample, convolution, features, scores, write_by_hand

from tradewind.data import Preprocessing
from tradewind.tensors import Array


@contextmanager
def serving(*arguments: object) -> Iterator[tuple[str, "subprocess.Popen[str]"]]:
    """Run `tradewind serve` on a free port; yield its address and the process."""
    command = [*COMMAND, "serve", *map(str, arguments), "--http-port", "0", "--json"]
    with subprocess.Popen(
        command, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        try:
            printed = ""
            while not printed.rstrip().endswith("}"):
                line = process.stdout.readline()
                assert line, process.communicate()[1]
                printed += line
            yield json.loads(printed)["url"], process
        finally:
            process.kill()


def infer(url: str, model: str, name: str, datatype: str, values: Array) -> Any:
    """Ask as `curl` would."""
    tensor = {
        "name": name,
        "datatype": datatype,
        "shape": values.shape,
        "data": values.ravel().tolist(),
    }
    request = urllib.request.Request(
        f"{url}/v2/models/{model}/infer",
        json.dumps({"inputs": [tensor]}).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=30) as response:
        [output] = json.load(response)["outputs"]
    return np.array(output["data"], np.float32).reshape(output["shape"])


def test_a_bundle_is_served_until_sigterm(
    bundle: Path, sample: Sample, random: np.random.Generator
) -> None:
    x = features(random, 5)
    with serving(bundle) as (url, process):
        found = infer(url, "model", "x", "FP32", x)
        np.testing.assert_allclose(found, scores(sample.model, {"x": x}), rtol=1e-5, atol=1e-6)
        process.send_signal(signal.SIGTERM)
        rest, _ = process.communicate(timeout=30)
        assert process.returncode == 0
        assert rest == ""  # one document on stdout, nothing else


def test_a_bundle_takes_raw_images(tmp_path: Path, random: np.random.Generator) -> None:
    model = tmp_path / "conv.onnx"
    onnx.save(convolution(random), model)
    mean, std = (0.4, 0.5, 0.6), (0.2, 0.3, 0.4)
    bundle = write_by_hand(tmp_path, model, Preprocessing(size=(8, 8), mean=mean, std=std))
    raw = random.integers(0, 256, (2, 8, 8, 3), dtype=np.uint8)
    ready = ((raw / 255 - mean) / std).transpose(0, 3, 1, 2).astype(np.float32)
    with serving(bundle) as (url, _):
        found = infer(url, "model", "image", "UINT8", raw)
    np.testing.assert_allclose(found, scores(model, {"image": ready}), rtol=1e-4, atol=1e-5)


def test_a_folder_of_models_is_served(
    bundle: Path, sample: Sample, random: np.random.Generator
) -> None:
    sample.model.rename(bundle.parent / "other.onnx")
    with serving("--model-dir", bundle.parent) as (url, _):
        for name in ("model", "other"):
            assert infer(url, name, "x", "FP32", features(random, 1)).shape == (1, 3)
        with pytest.raises(urllib.error.HTTPError, match="404"):
            infer(url, "absent", "x", "FP32", features(random, 1))


def test_a_port_in_use_ends_with_two(bundle: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = tradewind("serve", bundle, "--http-port", port)
    assert done.code == 2
    assert f"port {port}, which is in use" in done.err
    assert "hint:" in done.err


@pytest.mark.parametrize(
    "options",
    [
        ["--http-port", "99999"],
        ["--max-body-mb", "nan"],
        ["--max-body-mb", "0"],
        ["--concurrency", "0"],
        ["--drain-s", "-1"],
        ["--drain-s", "nan"],
        ["--min-stay-s", "nan"],
        ["--poll-s", "nan"],
        ["--pin", "another"],
        ["--host", "no.such.host.invalid"],
        ["--model-dir", "/no/such/folder"],
    ],
)
def test_a_wrong_setting_ends_with_two(options: list[str], bundle: Path, quick: Quick) -> None:
    done = quick("serve", bundle, "--http-port", "0", *options)
    assert done.code == 2
    assert "expected" in done.err
    assert "Traceback" not in done.err


def test_a_folder_without_models_is_refused_by_its_name(tmp_path: Path, quick: Quick) -> None:
    done = quick("serve", "--model-dir", tmp_path, "--http-port", "0")
    assert done.code == 2
    assert f"none in {tmp_path}" in done.err
    assert "--model-control poll" in done.err


def test_two_models_of_one_name_are_refused(bundle: Path, quick: Quick) -> None:
    done = quick("serve", bundle, bundle, "--http-port", "0")
    assert done.code == 2
    assert "model" in done.err


def test_nothing_to_serve_is_said(quick: Quick) -> None:
    done = quick("serve")
    assert done.code == 2
    assert "hint: tradewind serve model.tw" in done.err


def test_a_damaged_bundle_is_not_served(bundle: Path, quick: Quick) -> None:
    path = bundle / "models" / "original.onnx"
    path.write_bytes(path.read_bytes()[:-1] + b"\0")
    done = quick("serve", bundle, "--http-port", "0")
    assert done.code == 2
    assert "models/original.onnx" in done.err
