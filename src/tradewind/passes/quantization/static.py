"""Static int8 by ONNX Runtime's quantizer."""

from dataclasses import dataclass, replace
from typing import ClassVar, Literal, final

import onnx

from tradewind.errors import PassError, SettingError
from tradewind.model import Model
from tradewind.passes.contract import Change, Needs, Observed, Pass
from tradewind.passes.quantization.biases import correct_biases
from tradewind.passes.quantization.front_end import FrontEnd, front_end
from tradewind.passes.quantization.preparing import prepared, quantized
from tradewind.passes.quantization.ranges import Calibration, Ranges, Rule, observed_ranges
from tradewind.passes.quantization.smooth import smooth
from tradewind.passes.silence import silenced
from tradewind.temporary import temporary_folder

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
    calibration: Calibration = "minmax"
    percentile: float = 99.99
    smooths: bool = False  # outliers of activations go into weights first, as by `Smooth`
    corrects_biases: bool = False  # the mean error of each channel is taken back
    examples: int = 200
    front_end: FrontEnd = "float"

    def __post_init__(self) -> None:
        if not 50 < self.percentile <= 100:
            raise SettingError("percentile", "more than 50, at most 100", str(self.percentile))
        if self.activations == "s8" and self.weights == "u8":
            hint = "no kernel multiplies signed activations with unsigned weights."
            raise SettingError("weights", "s8 where activations are s8", "u8", hint)
        if self.examples < 1:
            raise SettingError("examples", "1 or more", str(self.examples))

    def needs(self, model: Model) -> Needs:
        return Needs(examples=self.examples)

    def apply(self, model: Model, seen: Observed) -> Change:
        if (opset := model.graph.opset_imports.get("", 0)) < _MIN_OPSET:
            hint = "upgrade the graph with `UpgradeOpset` first."
            raise PassError(model.origin.source, f"opset {_MIN_OPSET}", f"opset {opset}", hint)
        proto, where = prepared(model), model.origin.source
        notes = []
        if self.smooths:
            notes.append(f"{smooth(model, proto, seen, 0.5)} normalizations smoothed")
        rule = Rule(self.calibration, self.percentile, self.is_symmetric)
        spared = set(front_end(proto)) if self.front_end == "float" else set()
        kinds = known_kinds()
        nodes = [
            node for node in proto.graph.node if node.op_type in kinds and node.name not in spared
        ]
        ranges = observed_ranges(model, proto, seen, rule, nodes)
        spared |= ranges.unbounded(proto)
        result = self._quantize(proto, ranges, spared, where)
        if self.corrects_biases:
            notes.append(f"{correct_biases(model, proto, result, seen)} biases corrected")
            result = self._quantize(proto, ranges, spared, where)
        change = quantized(model, result)
        return replace(change, summary=", ".join([change.summary, *notes]))

    def _quantize(
        self, proto: onnx.ModelProto, ranges: Ranges, spared: set[str], where: str
    ) -> onnx.ModelProto:
        # imported here because it costs a second that serving never needs
        from onnxruntime import quantization as ortq
        from onnxruntime.quantization.calibrate import save_tensors_data

        kinds = {"u8": ortq.QuantType.QUInt8, "s8": ortq.QuantType.QInt8}
        method = ortq.CalibrationMethod.MinMax  # of what is read back: ranges and nothing else
        with temporary_folder() as folder, silenced():
            path, known = folder / "quantized.onnx", folder / "ranges.json"
            try:
                save_tensors_data(ortq.calibrate.TensorsData(method, ranges.pairs()), known)
                ortq.quantize_static(
                    proto,
                    path,
                    quant_format=ortq.QuantFormat.QDQ,
                    per_channel=self.per_channel,
                    reduce_range=self.reduce_range,
                    activation_type=kinds[self.activations],
                    weight_type=kinds[self.weights],
                    calibrate_method=method,
                    calibration_cache_path=known,
                    nodes_to_exclude=sorted(spared),
                    extra_options={"ActivationSymmetric": self.is_symmetric},
                )
            except Exception as error:  # the quantizer raises whatever its parts raise
                raise PassError(
                    where,
                    "a graph that ONNX Runtime can quantize",
                    f"{type(error).__name__}: {error}",
                ) from error
            return onnx.load(path)

    @property
    def label(self) -> str:
        notes = [f"{self.activations}{self.weights}"]
        notes += ["symmetric"] if self.is_symmetric else []
        notes += [] if self.per_channel else ["per tensor"]
        notes += ["7-bit weights"] if self.reduce_range else []
        notes += [] if self.calibration == "minmax" else [self.calibration]
        notes += [] if self.percentile == 99.99 else [f"{self.percentile:g}%"]
        notes += ["smoothed"] if self.smooths else []
        notes += ["biases corrected"] if self.corrects_biases else []
        notes += [] if self.examples == 200 else [f"{self.examples} examples"]
        notes += [] if self.front_end == "float" else ["front end too"]
        return f"int8 {' '.join(notes)}"


def known_kinds() -> set[str]:
    """Return the operators that ONNX Runtime's quantizer knows."""
    # imported here because it costs a second that serving never needs
    from onnxruntime.quantization.registry import QDQRegistry, QLinearOpsRegistry

    return {*QDQRegistry, *QLinearOpsRegistry}
