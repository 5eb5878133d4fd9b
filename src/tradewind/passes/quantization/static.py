"""Static int8 by ONNX Runtime's quantizer."""

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal, final

import onnx

from tradewind.errors import PassError, SettingError
from tradewind.model import Model
from tradewind.passes.contract import Change, Needs, Observed, Pass
from tradewind.passes.quantization.front_end import FrontEnd, front_end
from tradewind.passes.quantization.preparing import calibration_batches, prepared, quantized
from tradewind.passes.silence import silenced
from tradewind.tensors import Array

_MIN_OPSET = 13
"""Before it, weights cannot be dequantized channel by channel."""


@final
@dataclass(frozen=True)
class QuantizeStatic(Pass):
    """Insert QuantizeLinear and DequantizeLinear pairs with ranges observed on real inputs."""

    name: ClassVar[str] = "quantize_static"
    is_lossless: ClassVar[bool] = False

    activations: Literal["u8", "s8"] = "u8"
    weights: Literal["s8", "u8"] = "s8"
    is_symmetric: bool = False  # whether activation ranges are centred on zero
    per_channel: bool = True
    reduce_range: bool = False  # 7-bit weights, for CPUs whose int8 products saturate
    calibration: Literal["minmax", "percentile", "entropy"] = "minmax"
    percentile: float = 99.99
    examples: int = 200
    front_end: FrontEnd = "float"

    def __post_init__(self) -> None:
        if not 50 < self.percentile <= 100:
            raise SettingError("percentile", "more than 50, at most 100", str(self.percentile))
        if self.examples < 1:
            raise SettingError("examples", "1 or more", str(self.examples))

    def needs(self, model: Model) -> Needs:
        return Needs(examples=self.examples)

    def apply(self, model: Model, seen: Observed) -> Change:
        # imported here because it costs a second that serving never needs
        from onnxruntime import quantization as ortq

        kinds = {"u8": ortq.QuantType.QUInt8, "s8": ortq.QuantType.QInt8}
        methods = {
            "minmax": ortq.CalibrationMethod.MinMax,
            "percentile": ortq.CalibrationMethod.Percentile,
            "entropy": ortq.CalibrationMethod.Entropy,
        }
        if (opset := model.graph.opset_imports.get("", 0)) < _MIN_OPSET:
            hint = "upgrade the graph with `UpgradeOpset` first."
            raise PassError(model.origin.source, f"opset {_MIN_OPSET}", f"opset {opset}", hint)
        batches = calibration_batches(model, seen, 8)
        proto = prepared(model)
        with tempfile.TemporaryDirectory(prefix="tradewind-") as folder, silenced():
            path = Path(folder) / "quantized.onnx"
            try:
                ortq.quantize_static(
                    proto,
                    path,
                    _Reader(batches),
                    quant_format=ortq.QuantFormat.QDQ,
                    per_channel=self.per_channel,
                    reduce_range=self.reduce_range,
                    activation_type=kinds[self.activations],
                    weight_type=kinds[self.weights],
                    calibrate_method=methods[self.calibration],
                    nodes_to_exclude=front_end(proto) if self.front_end == "float" else [],
                    extra_options={
                        "ActivationSymmetric": self.is_symmetric,
                        "CalibTensorRangeSymmetric": self.is_symmetric,
                        "CalibPercentile": self.percentile,
                        # the calibrators keep every activation of one stride in memory
                        "CalibStridedMinMax": 1,
                    },
                )
            except Exception as error:  # the quantizer raises whatever its parts raise
                raise PassError(
                    model.origin.source,
                    "a graph that ONNX Runtime can quantize",
                    f"{type(error).__name__}: {error}",
                ) from error
            proto = onnx.load(path)
        return quantized(model, proto)

    @property
    def label(self) -> str:
        notes = [f"{self.activations}{self.weights}"]
        notes += ["symmetric"] if self.is_symmetric else []
        notes += [] if self.per_channel else ["per tensor"]
        notes += ["7-bit weights"] if self.reduce_range else []
        notes += [] if self.calibration == "minmax" else [self.calibration]
        notes += [] if self.percentile == 99.99 else [f"{self.percentile:g}%"]
        notes += [] if self.examples == 200 else [f"{self.examples} examples"]
        notes += [] if self.front_end == "float" else ["front end too"]
        return f"int8 {' '.join(notes)}"


class _Reader:
    """Hands the calibrator one range of the examples at a time."""

    def __init__(self, batches: list[dict[str, Array]]) -> None:
        self._batches = batches
        self._left: Iterator[dict[str, Array]] = iter(batches)

    def __len__(self) -> int:
        return len(self._batches)

    def set_range(self, start_index: int, end_index: int) -> None:
        self._left = iter(self._batches[start_index:end_index])

    def get_next(self) -> dict[str, Array] | None:
        return next(self._left, None)
