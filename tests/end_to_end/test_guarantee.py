"""The promise itself, on real models: who loses too much is certified in 5% of cases at most."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from tradewind.data import Dataset, Preprocessing, open_dataset, split
from tradewind.engines import OnnxRuntime
from tradewind.evidence import PairedCounts, is_non_inferior
from tradewind.importers import load_model
from tradewind.measure import Accuracy, collect
from tradewind.model import Model
from tradewind.passes import Observed, QuantizeStatic
from tradewind.tensors import Array

IMAGES, CERTIFY = 2400, 1200
REPEATS = 1000
CONFIDENCE = 0.95
ALPHA = 1 - CONFIDENCE
TOLERANCE = 4 * math.sqrt(ALPHA * (1 - ALPHA) / REPEATS)
"""A share that is 5% in truth lies further above it, among 1,000 draws, once in 10,000 runs."""

STEPS = Preprocessing(mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))
VARIANTS = ("a smaller network", "int8 by tensor", "int8 that clips")


@dataclass(frozen=True)
class Compared:
    """Which answers of the original and of a worse variant are right, on all images."""

    original: Array  # bool[IMAGES]
    variant: Array  # bool[IMAGES]

    @property
    def drop(self) -> float:
        """The share of right answers lost; the truth, where these images are the population."""
        return PairedCounts.from_correct(self.original, self.variant).drop

    def counts(self, images: Array) -> PairedCounts:
        return PairedCounts.from_correct(self.original[images], self.variant[images])


@cache
def _certified(counts: PairedCounts, max_drop: float) -> bool:
    return is_non_inferior(counts, max_drop, CONFIDENCE)


@pytest.fixture(scope="module")
def compared() -> dict[str, Compared]:
    """The answers of ResNet-32 beside those of three worse variants."""
    folder = Path(__file__).resolve().parents[2].parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"real models and data are not at {folder}")
    models = folder / "cifar10_resnets"
    original = load_model(models / "resnet32.onnx")
    data = open_dataset(folder / "cifar10" / "test.npz", original.signature, preprocessing=STEPS)
    few = Observed(data.take(np.arange(IMAGES, IMAGES + 8)))
    mild = QuantizeStatic(per_channel=False, examples=8, calibration="percentile", percentile=99.7)
    harsh = QuantizeStatic(per_channel=False, examples=8, calibration="percentile", percentile=99)
    worse = (
        load_model(models / "resnet20.onnx"),
        mild.apply(original, few).model,
        harsh.apply(original, few).model,
    )
    right = _right(original, data)
    return {
        name: Compared(right, _right(model, data))
        for name, model in zip(VARIANTS, worse, strict=True)
    }


def _right(model: Model, data: Dataset) -> Array:
    assert data.labels is not None
    with OnnxRuntime().compile(model) as runner:
        answers = collect(runner, data.batches(np.arange(IMAGES), 50), Accuracy())
    return Accuracy().is_right(answers, data.labels[:IMAGES])


def _resplit(random: np.random.Generator) -> Array:
    """Return a certify split, drawn without replacement as every search draws it."""
    sizes = {"calibrate": 300, "select": IMAGES - CERTIFY - 300, "certify": CERTIFY}
    return split(IMAGES, int(random.integers(2**31)), **sizes).certify


def _drawn(random: np.random.Generator) -> Array:
    """Return independent examples of a population in which each image is equally likely."""
    return random.integers(0, IMAGES, CERTIFY)


def _rate(
    found: Compared,
    max_drop: float,
    draw: Callable[[np.random.Generator], Array],
    random: np.random.Generator,
) -> float:
    certified = [_certified(found.counts(draw(random)), max_drop) for _ in range(REPEATS)]
    return sum(certified) / REPEATS


@pytest.mark.parametrize("name", VARIANTS)
@pytest.mark.parametrize("draw", [_resplit, _drawn])
def test_a_budget_below_the_true_drop_is_rarely_certified(
    name: str,
    draw: Callable[[np.random.Generator], Array],
    compared: dict[str, Compared],
    random: np.random.Generator,
) -> None:
    found = compared[name]
    assert found.drop > 0  # or there would be nothing to be wrong about
    rate = _rate(found, found.drop * (1 - 1e-9), draw, random)
    print(f"{name}: drop {found.drop:.2%}, certified {rate:.1%}")
    assert rate <= ALPHA + TOLERANCE


@pytest.mark.parametrize("name", VARIANTS)
def test_a_budget_far_above_the_true_drop_is_mostly_certified(
    name: str, compared: dict[str, Compared], random: np.random.Generator
) -> None:
    found = compared[name]
    # the observed drop of 1,200 examples strays by 0.8 points at most for these variants, so
    # that 3 points more are reached in far more than nine cases of ten
    rate = _rate(found, found.drop + 0.03, _drawn, random)
    print(f"{name}: drop {found.drop:.2%}, certified {rate:.1%}")
    assert rate > 0.9


def test_the_certificate_is_not_idle_at_the_boundary(
    compared: dict[str, Compared], random: np.random.Generator
) -> None:
    # a test that never certifies keeps any level; an exact one comes near it
    found = compared["int8 that clips"]
    assert _rate(found, found.drop * (1 - 1e-9), _drawn, random) > ALPHA / 3
