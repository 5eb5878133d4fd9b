"""Static int8 by NNCF, on the ONNX graph."""

import logging
import os
from dataclasses import dataclass
from typing import ClassVar, Literal, final

import onnx

from tradewind.errors import PassError, SettingError
from tradewind.model import Model
from tradewind.passes.contract import Change, Needs, Observed, Pass
from tradewind.passes.quantize_static import quantized_summary
from tradewind.passes.silence import silenced


@final
@dataclass(frozen=True)
class QuantizeNNCF(Pass):
    """Insert QuantizeLinear and DequantizeLinear pairs where OpenVINO's kernels want them."""

    name: ClassVar[str] = "quantize_nncf"
    is_lossless: ClassVar[bool] = False

    preset: Literal["performance", "mixed"] = "performance"  # mixed: asymmetric activations
    is_transformer: bool = False  # keeps the patterns of attention apart
    fast_bias_correction: bool = True
    examples: int = 300

    def __post_init__(self) -> None:
        if self.examples < 1:
            raise SettingError("examples", "1 or more", str(self.examples))

    def needs(self, model: Model) -> Needs:
        return Needs(examples=self.examples)

    def apply(self, model: Model, seen: Observed) -> Change:
        os.environ["NNCF_CI"] = "1"  # NNCF's own switch: nothing is collected, nothing sent
        # imported here because it costs two seconds that serving never needs
        import nncf

        nncf.set_log_level(logging.ERROR)
        batch_size = model.signature.fixed_batch or 1
        batches = list(seen.batches(batch_size))
        presets = {
            "performance": nncf.QuantizationPreset.PERFORMANCE,
            "mixed": nncf.QuantizationPreset.MIXED,
        }
        try:
            with silenced():
                proto = nncf.quantize(
                    onnx.load_model_from_string(model.content),
                    nncf.Dataset(batches),
                    preset=presets[self.preset],
                    subset_size=len(batches),
                    fast_bias_correction=self.fast_bias_correction,
                    model_type=nncf.ModelType.TRANSFORMER if self.is_transformer else None,
                )
        except Exception as error:  # NNCF raises whatever its parts raise
            raise PassError(
                model.origin.source,
                "a graph that NNCF can quantize",
                f"{type(error).__name__}: {error}",
            ) from error
        return Change(model.with_proto(proto), quantized_summary(proto))

    @property
    def label(self) -> str:
        notes: list[str] = [] if self.preset == "performance" else [self.preset]
        notes += ["transformer"] if self.is_transformer else []
        return " ".join(["int8 NNCF", *notes])
