"""The models that are compared on, each with real data."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import final

from benchmarks.optimizers import images, sentences, sounds, trees
from benchmarks.optimizers.made import Made


@final
@dataclass(frozen=True)
class Case:
    """One model with its data.

    Args:
        name: what it is called on the command line.
        title: what it is called in the table.
        data: what it is asked, in a few words.
        metric: what may be lost, as `tradewind optimize --metric` takes it.
        make: returns it, from the folder of models and data.
    """

    name: str
    title: str
    data: str
    metric: str
    make: Callable[[Path], Made]


_PHOTOS = "5,000 test images of CIFAR-10"

SUITE: tuple[Case, ...] = (
    *(
        Case(f"resnet{depth}", f"ResNet-{depth}", _PHOTOS, "accuracy", images.ResNet(depth))
        for depth in (20, 32, 44, 56)
    ),
    Case("resnet8", "MLPerf Tiny ResNet-8", _PHOTOS, "accuracy", images.resnet8),
    Case(
        "dscnn",
        "MLPerf Tiny DS-CNN",
        "1,000 spoken words of MLPerf Tiny",
        "accuracy",
        sounds.dscnn,
    ),
    Case(
        "vww",
        "MLPerf Tiny MobileNet 0.25",
        "2,000 enlarged images of CIFAR-10, without labels",
        "agreement",
        images.vww,
    ),
    Case(
        "ad01",
        "MLPerf Tiny autoencoder",
        "spectra of 1,980 recordings, without labels",
        f"error:{sounds.LOUDNESS_RANGE_DB:g}",
        sounds.ad01,
    ),
    Case("kwt1", "Keyword Transformer", "1,980 spoken words", "accuracy", sounds.kwt1),
    Case(
        "dtln",
        "DTLN speech enhancement",
        "frames of 1,980 noisy recordings, without labels",
        "error:1",
        sounds.dtln,
    ),
    Case("text", "text encoder", "3,000 messages of SMS Spam", "accuracy", sentences.spam),
    Case("trees", "LightGBM, 500 trees", "10,000 connections of NSL-KDD", "accuracy", trees.kdd),
)
"""All of them."""
