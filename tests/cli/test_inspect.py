from pathlib import Path

import numpy as np
import onnx
import pytest
from tests.cases.case import GENERAL
from tests.cli.child import tradewind
from tests.cli.conftest import Quick
from tests.cli.samples import Sample, dense


def test_inspect_prints_one_document(sample: Sample) -> None:
    done = tradewind("inspect", sample.model, "--json")
    assert (done.code, done.err) == (0, "")
    found = done.document
    assert found["inputs"] == [{"name": "x", "datatype": "FP32", "shape": ["N", 8]}]
    assert found["outputs"] == [{"name": "logits", "datatype": "FP32", "shape": ["N", 3]}]
    assert found["parameters"] == found["macs"] == 24
    assert all(found["engines"][kind.name]["supported"] for kind in GENERAL)


def test_inspect_shows_lower_case_dimensions(
    tmp_path: Path, random: np.random.Generator, quick: Quick
) -> None:
    onnx.save(dense(random, batch="batch"), tmp_path / "model.onnx")
    assert "FP32[batch, 8]" in quick("inspect", tmp_path / "model.onnx").out


def test_inspect_reads_bundles(bundle: Path, quick: Quick) -> None:
    assert quick("inspect", bundle, "--json").document["parameters"] == 24


def test_inspect_says_which_engine_cannot_run_a_model(custom_operator: str, quick: Quick) -> None:
    done = quick("inspect", custom_operator, "--json")
    assert done.code == 0
    for engine in done.document["engines"].values():
        assert not engine["supported"]
        assert engine["why"]


@pytest.mark.parametrize(
    ("model", "parameters"),
    [
        ("cifar10_resnets/resnet20.onnx", 269_034),
        ("cifar10_resnets/resnet56.onnx", 853_018),
        ("kwt1/kwt1_wave.onnx", None),
        ("mlperf_tiny/pretrainedResnet_nchw.onnx", None),
        ("mlperf_tiny/vww_96_float.onnx", None),
        ("dtln/model_1.onnx", None),
    ],
)
def test_inspect_describes_real_models(
    model: str, parameters: int | None, shared_data: Path, quick: Quick
) -> None:
    done = quick("inspect", shared_data / model, "--json")
    assert done.code == 0, done.err
    found = done.document
    assert found["engines"]["onnxruntime"]["supported"]
    assert found["parameters"] > 1_000
    if parameters is not None:  # with batch normalisation folded into the convolutions
        assert found["parameters"] == pytest.approx(parameters, rel=0.02)


def test_inspect_says_what_an_engine_needs(sample: Sample, quick: Quick) -> None:
    why = quick("inspect", sample.model, "--json").document["engines"]["onedal"]["why"]
    assert "expected one TreeEnsemble" in why
    assert why.endswith("got a graph without one")
