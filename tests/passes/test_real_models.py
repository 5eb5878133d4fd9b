"""What int8 costs on a real network."""

from pathlib import Path

import numpy as np
import pytest
from tests.cases.cifar import PREPROCESSING, cifar_model, load_cifar, share_right
from tests.cases.narrowing import narrowed

from tradewind.engines import Engine, OnnxRuntime, OpenVINO
from tradewind.passes import Fold, Observed, Pass, QuantizeNNCF, QuantizeStatic

EXAMPLES = 2_000


def _calibration(folder: Path, count: int) -> Observed:
    with np.load(folder / "cifar10" / "train_20k.npz") as archive:
        return Observed({"input": PREPROCESSING.apply(archive["x"][:count])})


@pytest.mark.parametrize(
    ("step", "engine"),
    [(QuantizeNNCF(examples=100), OpenVINO()), (QuantizeStatic(examples=100), OnnxRuntime())],
    ids=["nncf-openvino", "static-onnxruntime"],
)
def test_int8_costs_resnet20_less_than_a_point_and_a_half(
    step: Pass, engine: Engine, shared_data: Path
) -> None:
    model = cifar_model(shared_data, "resnet20")
    seen = _calibration(shared_data, step.needs(model).examples)
    quantized = narrowed(step).apply(model, seen).model
    images, labels = load_cifar(shared_data, EXAMPLES)
    exact = share_right(OpenVINO(), model, images, labels)
    assert share_right(engine, quantized, images, labels) > exact - 0.015
    assert len(quantized.content) < 0.4 * len(model.content)


def test_folding_resnet20_changes_no_answer(shared_data: Path) -> None:
    model = cifar_model(shared_data, "resnet20")
    folded = Fold().apply(model, Observed({})).model
    images, labels = load_cifar(shared_data, 200)
    exact = share_right(OnnxRuntime(), model, images, labels)
    assert share_right(OnnxRuntime(), folded, images, labels) == exact
