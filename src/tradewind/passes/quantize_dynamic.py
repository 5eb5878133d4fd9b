"""Dynamic int8 by ONNX Runtime's quantizer."""

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal, final

import onnx

from tradewind.errors import PassError
from tradewind.model import Model
from tradewind.passes.contract import Change, Needs, Observed, Pass
from tradewind.passes.quantize_static import quantized_summary, without_inferred_shapes
from tradewind.passes.silence import silenced


@final
@dataclass(frozen=True)
class QuantizeDynamic(Pass):
    """Store weights in int8; find the range of every activation anew for each request."""

    name: ClassVar[str] = "quantize_dynamic"
    is_lossless: ClassVar[bool] = False

    weights: Literal["s8", "u8"] = "s8"
    per_channel: bool = True
    reduce_range: bool = False  # 7-bit weights, for CPUs whose int8 products saturate

    def needs(self, model: Model) -> Needs:
        return Needs()

    def apply(self, model: Model, seen: Observed) -> Change:
        # imported here because it costs a second that serving never needs
        from onnxruntime import quantization as ortq

        with tempfile.TemporaryDirectory(prefix="tradewind-") as folder, silenced():
            path = Path(folder) / "quantized.onnx"
            try:
                ortq.quantize_dynamic(
                    without_inferred_shapes(model),
                    path,
                    # convolutions are left out: on CPUs their dynamic form is far slower
                    op_types_to_quantize=["MatMul", "Gemm", "Attention", "LSTM", "Gather"],
                    per_channel=self.per_channel,
                    reduce_range=self.reduce_range,
                    weight_type=(
                        ortq.QuantType.QInt8 if self.weights == "s8" else ortq.QuantType.QUInt8
                    ),
                )
            except Exception as error:  # the quantizer raises whatever its parts raise
                raise PassError(
                    model.origin.source,
                    "a graph that ONNX Runtime can quantize",
                    f"{type(error).__name__}: {error}",
                ) from error
            proto = onnx.load(path)
        return Change(model.with_proto(proto), quantized_summary(proto))

    @property
    def label(self) -> str:
        return f"int8 dynamic{'' if self.per_channel else ' per tensor'}"
