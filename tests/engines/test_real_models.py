"""Published accuracies, reproduced through both engines."""

from pathlib import Path

import pytest
from tests.cases.case import GENERAL
from tests.cases.cifar import cifar_model, load_cifar, share_right

from tradewind.engines import OnnxRuntime, OpenVINO

EXAMPLES = 500


def test_resnet20_reaches_its_published_accuracy(shared_data: Path) -> None:
    images, labels = load_cifar(shared_data, 10_000)
    right = share_right(OpenVINO(), cifar_model(shared_data, "resnet20"), images, labels)
    # one image in 10,000 may fall to the other side by rounding
    assert right == pytest.approx(0.9173, abs=1.5e-4)


def test_resnet56_answers_alike_on_all_engines(shared_data: Path) -> None:
    images, labels = load_cifar(shared_data, EXAMPLES)
    model = cifar_model(shared_data, "resnet56")
    right = [share_right(kind(), model, images, labels) for kind in GENERAL]
    assert max(right) - min(right) <= 1 / EXAMPLES
    # published: 0.9339 on 10,000 images; the standard error on 500 is 0.011, here times four
    assert right[0] == pytest.approx(0.9339, abs=0.045)


def test_bf16_keeps_the_accuracy_of_resnet20(shared_data: Path) -> None:
    images, labels = load_cifar(shared_data, EXAMPLES)
    model = cifar_model(shared_data, "resnet20")
    exact = share_right(OnnxRuntime(), model, images, labels)
    rounded = share_right(OpenVINO(precision="bf16"), model, images, labels)
    # eight bits of mantissa move a few images near a boundary, in both directions
    assert abs(exact - rounded) < 0.012
