"""Networks that look at the test images of CIFAR-10."""

from dataclasses import dataclass
from pathlib import Path
from typing import final

import numpy as np
from benchmarks.optimizers.made import Made
from PIL import Image

from tradewind.data import Preprocessing
from tradewind.importers import OnnxImporter
from tradewind.tensors import Array

PREPROCESSING = Preprocessing(mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))
IMAGES = 5_000
"""Of the 10,000: networks that a quantizer made slow are asked all of them too."""

ENLARGED = 2_000
"""Images that are made 96 x 96 large: more would fill the memory."""


@final
@dataclass(frozen=True)
class ResNet:
    """A public ResNet for these images."""

    depth: int

    def __call__(self, folder: Path) -> Made:
        """Return it with test images."""
        model = OnnxImporter().load(folder / "cifar10_resnets" / f"resnet{self.depth}.onnx")
        images, labels = _photos(folder)
        return Made(model, {"input": PREPROCESSING.apply(images), "label": labels})


def resnet8(folder: Path) -> Made:
    """Return the network of MLPerf Tiny, which takes one image of raw values at a time."""
    model = OnnxImporter().load(folder / "mlperf_tiny" / "pretrainedResnet_nchw.onnx")
    images, labels = _photos(folder)
    planes = np.ascontiguousarray(images.transpose(0, 3, 1, 2), np.float32)
    return Made(model, {model.signature.inputs[0].name: planes, "label": labels})


def vww(folder: Path) -> Made:
    """Return the network that says whether there is a person, with enlarged images."""
    model = OnnxImporter().load(folder / "mlperf_tiny" / "vww_96_float.onnx")
    images, _ = _photos(folder)
    large = [Image.fromarray(image).resize((96, 96)) for image in images[:ENLARGED]]
    planes = np.stack([np.asarray(image) for image in large]).transpose(0, 3, 1, 2)
    scaled = np.ascontiguousarray(planes, np.float32) / np.float32(255)
    return Made(model, {model.signature.inputs[0].name: scaled})


def _photos(folder: Path) -> tuple[Array, Array]:
    """Return uint8[n, 32, 32, 3] with int64[n]."""
    with np.load(folder / "cifar10" / "test.npz") as archive:
        return archive["x"][:IMAGES], archive["label"][:IMAGES]
