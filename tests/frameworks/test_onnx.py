from pathlib import Path

import pytest
from tests.frameworks.table import record

from tradewind import load_model
from tradewind.importers.probes import FREE, Range, probes

FILES = (
    *(f"cifar10_resnets/resnet{depth}.onnx" for depth in (20, 32, 44, 56)),
    *("dtln/model_1.onnx", "dtln/model_2.onnx", "kwt1/kwt1_feat.onnx", "kwt1/kwt1_wave.onnx"),
    *(f"mlperf_tiny/pretrainedResnet_{layout}.onnx" for layout in ("nchw", "nhwc")),
    "mlperf_tiny/vww_96_float.onnx",
)


@pytest.mark.parametrize("name", FILES)
def test_a_public_model_answers_on_every_engine(shared_data: Path, name: str) -> None:
    model = load_model(shared_data / name)
    assert model.origin.parity is None
    ranges = {spec.name: Range(-1, 1) for spec in model.signature.inputs}
    questions = probes(model.signature, ranges=ranges)
    assert FREE not in questions[0][model.signature.inputs[0].name].shape[1:]
    record("ONNX", ".onnx", name, model, questions=questions)
