"""Ranges, compared with those of ONNX Runtime's own calibrators and with brute force."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnxruntime.quantization import CalibrationMethod
from onnxruntime.quantization.calibrate import create_calibrator
from tests.cases import CASES

from tradewind.passes import Observed
from tradewind.passes.quantization.histograms import Histogram
from tradewind.passes.quantization.preparing import calibration_batches, prepared
from tradewind.passes.quantization.ranges import Calibration, Rule, observed_ranges
from tradewind.tensors import Array

BY_NAME = {case.name: case for case in CASES}

_PERCENTILE = 98.76543
"""No round share of the values, so that none lies exactly on the cut."""


class _Reader:
    """Hands examples to the calibrators of ONNX Runtime."""

    def __init__(self, batches: list[dict[str, Array]]) -> None:
        self._left = iter(batches)

    def get_next(self) -> dict[str, Array] | None:
        return next(self._left, None)


def _theirs(
    proto: onnx.ModelProto, folder: Path, batches: list[dict[str, Array]], method: Any
) -> dict[str, Any]:
    path = folder / "model.onnx"
    onnx.save(proto, path)
    calibrator = create_calibrator(
        path,
        augmented_model_path=str(folder / "augmented.onnx"),
        calibrate_method=method,
        extra_options={"percentile": _PERCENTILE, "num_bins": 2048, "symmetric": False},
    )
    calibrator.collect_data(_Reader(batches))
    return dict(calibrator.compute_data().items())


@pytest.mark.parametrize("name", ["residual", "attention"])
@pytest.mark.parametrize(
    ("calibration", "method"),
    [("minmax", CalibrationMethod.MinMax), ("percentile", CalibrationMethod.Percentile)],
)
def test_ranges_are_those_of_onnx_runtime_up_to_the_width_of_a_bin(
    name: str, calibration: Calibration, method: Any, tmp_path: Path, random: np.random.Generator
) -> None:
    case = BY_NAME[name]
    seen = Observed(case.draw(random, 32))
    proto = prepared(case.model)
    rule = Rule(calibration, _PERCENTILE, is_symmetric=False)
    ours = observed_ranges(case.model, proto, seen, rule, proto.graph.node)
    theirs = _theirs(proto, tmp_path, calibration_batches(case.model, seen, 8), method)
    pairs = ours.pairs()
    assert theirs.keys() <= pairs.keys()
    for tensor, wanted in theirs.items():
        bound = ours.histograms[tensor]
        reach = max(-bound.lowest, bound.highest)
        # sums are added in another order; their 2,048 bins cover both signs
        allowed = 1e-5 * reach
        if calibration == "percentile":
            allowed += bound.width + 2 * reach / 2048
        for got, expected in zip(pairs[tensor], wanted.range_value, strict=True):
            assert abs(float(got) - float(np.squeeze(expected))) <= allowed, tensor


def _histogram(values: Array) -> Histogram:
    found = Histogram()
    found.add(values.astype(np.float32))
    return found


def _error(values: Array, low: float, high: float) -> float:
    step = (high - low) / 255
    zero = np.round(-low / step)
    kept = (np.clip(np.round(values / step) + zero, 0, 255) - zero) * step
    return float(np.mean((values - kept) ** 2))


@pytest.mark.parametrize("sign", [-1, 1])
def test_mse_loses_less_than_the_whole_range_and_any_percentile(
    sign: int, random: np.random.Generator
) -> None:
    values = sign * random.exponential(1.0, 20_000) ** 2 * (random.random(20_000) > 0.5)
    seen = _histogram(values)
    losses = {
        rule: _error(values, *Rule(rule, 99.9, is_symmetric=False).range_of(seen))
        for rule in ("minmax", "percentile", "mse")
    }
    # the expected error of rounding is step**2 / 12 where values are many in each step
    assert losses["mse"] <= 1.05 * min(losses.values())


def test_entropy_cuts_off_a_few_values_far_from_all_others(random: np.random.Generator) -> None:
    values = np.concatenate([random.standard_normal(50_000), random.uniform(-40, 40, 15)])
    low, high = Rule("entropy", 99.9, is_symmetric=False).range_of(_histogram(values))
    assert 2 < -low < 20
    assert 2 < high < 20


@pytest.mark.parametrize("calibration", ["minmax", "percentile", "entropy", "mse"])
@pytest.mark.parametrize("is_symmetric", [False, True])
def test_ranges_lie_within_what_was_seen(
    calibration: Calibration, is_symmetric: bool, random: np.random.Generator
) -> None:
    rule = Rule(calibration, 99.0, is_symmetric)
    for values in (
        random.standard_normal(999),
        np.abs(random.standard_normal(999)) + 1e5,
        np.zeros(5),
        np.full(9, -2.5),
        np.zeros(0),
    ):
        low, high = rule.range_of(_histogram(values))
        assert low <= high
        if is_symmetric:
            assert low == -high
            assert high <= np.abs(values.astype(np.float32)).max(initial=0)
        elif values.size:
            assert values.astype(np.float32).min() <= low or low >= 0
            assert high <= values.astype(np.float32).max() or high <= 0


def test_little_memory_gives_the_same_ranges_in_more_runs(random: np.random.Generator) -> None:
    case = BY_NAME["residual"]
    seen = Observed(case.draw(random, 9))
    proto = prepared(case.model)
    rule = Rule("minmax", 99.0, is_symmetric=False)
    much = observed_ranges(case.model, proto, seen, rule, proto.graph.node)
    little = observed_ranges(case.model, proto, seen, rule, proto.graph.node, most_bytes=1)
    assert much.pairs().keys() == little.pairs().keys()
    for name, (low, high) in much.pairs().items():
        # one example at a time instead of eight: sums in another order
        np.testing.assert_allclose(little.pairs()[name], (low, high), rtol=1e-4, atol=1e-6)
        assert much.histograms[name].total == little.histograms[name].total
