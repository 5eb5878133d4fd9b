"""The public ResNets for CIFAR-10 with their test images."""

from pathlib import Path

import numpy as np

from tradewind.data import Preprocessing
from tradewind.engines import Engine
from tradewind.measure import Accuracy, collect
from tradewind.model import Model, Origin
from tradewind.tensors import Array

BATCH = 100
PREPROCESSING = Preprocessing(mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))


def load_cifar(folder: Path, examples: int) -> tuple[Array, Array]:
    """Return the first test images, model-ready, with their labels."""
    with np.load(folder / "cifar10" / "test.npz") as archive:
        return PREPROCESSING.apply(archive["x"][:examples]), archive["label"][:examples]


def cifar_model(folder: Path, name: str) -> Model:
    """Return `resnet20` … `resnet56`."""
    content = (folder / "cifar10_resnets" / f"{name}.onnx").read_bytes()
    return Model(content, Origin("onnx", f"{name}.onnx"))


def share_right(engine: Engine, model: Model, images: Array, labels: Array) -> float:
    """Return the accuracy."""
    metric = Accuracy()
    batches = [{"input": images[at : at + BATCH]} for at in range(0, len(images), BATCH)]
    with engine.compile(model) as runner:
        answers = collect(runner, batches, metric)
    return float(metric.is_right(answers, labels).mean())
