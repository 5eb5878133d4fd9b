"""Static int8 by NNCF, on the ONNX graph."""

import logging
from dataclasses import dataclass
from typing import ClassVar, Literal, final

from tradewind.engines.untracked import untracked
from tradewind.errors import PassError, SettingError
from tradewind.model import Model
from tradewind.passes.contract import Change, Needs, Observed, Pass
from tradewind.passes.quantization.front_end import FrontEnd, front_end
from tradewind.passes.quantization.preparing import calibration_batches, prepared, quantized
from tradewind.passes.silence import silenced


@final
@dataclass(frozen=True)
class QuantizeNNCF(Pass):
    """Insert QuantizeLinear and DequantizeLinear pairs where OpenVINO's kernels want them.

    NNCF corrects biases by itself, and smooths what it is told to be a transformer. A graph that
    `Smooth` has changed may come in: there is then little left to smooth.
    """

    name: ClassVar[str] = "quantize_nncf"
    is_lossless: ClassVar[bool] = False
    loads: ClassVar[tuple[str, ...]] = ("nncf",)

    preset: Literal["performance", "mixed"] = "performance"  # mixed: asymmetric activations
    is_transformer: bool = False  # keeps the patterns of attention apart
    fast_bias_correction: bool = True
    reduce_range: bool = False  # 7-bit weights, for CPUs whose int8 products saturate
    examples: int = 300
    front_end: FrontEnd = "float"

    def __post_init__(self) -> None:
        if self.examples < 1:
            raise SettingError("examples", "1 or more", str(self.examples))

    def needs(self, model: Model) -> Needs:
        return Needs(examples=self.examples)

    def apply(self, model: Model, seen: Observed) -> Change:
        # imported here because it costs three seconds that serving never needs
        with untracked():
            import nncf

        nncf.set_log_level(logging.ERROR)
        batches = calibration_batches(model, seen, 1)
        proto = prepared(model)
        spared = front_end(proto) if self.front_end == "float" else []
        presets = {
            "performance": nncf.QuantizationPreset.PERFORMANCE,
            "mixed": nncf.QuantizationPreset.MIXED,
        }
        fix = nncf.OverflowFix.ENABLE if self.reduce_range else nncf.OverflowFix.DISABLE
        try:
            with silenced():
                proto = nncf.quantize(
                    proto,
                    nncf.Dataset(batches),
                    preset=presets[self.preset],
                    subset_size=len(batches),
                    fast_bias_correction=self.fast_bias_correction,
                    model_type=nncf.ModelType.TRANSFORMER if self.is_transformer else None,
                    advanced_parameters=nncf.AdvancedQuantizationParameters(overflow_fix=fix),
                    ignored_scope=nncf.IgnoredScope(names=spared) if spared else None,
                )
        except Exception as error:  # NNCF raises whatever its parts raise
            raise PassError(
                model.origin.source,
                "a graph that NNCF can quantize",
                f"{type(error).__name__}: {error}",
            ) from error
        return quantized(model, proto)

    @property
    def label(self) -> str:
        notes: list[str] = [] if self.preset == "performance" else [self.preset]
        notes += ["transformer"] if self.is_transformer else []
        notes += [] if self.fast_bias_correction else ["slow bias correction"]
        notes += ["7-bit weights"] if self.reduce_range else []
        notes += [] if self.examples == 300 else [f"{self.examples} examples"]
        notes += [] if self.front_end == "float" else ["front end too"]
        return " ".join(["int8 NNCF", *notes])
