"""Dynamic int8 by ONNX Runtime's quantizer."""

from dataclasses import dataclass
from typing import ClassVar, Literal, final

import onnx

from tradewind.errors import PassError
from tradewind.model import Model
from tradewind.passes.contract import Change, Needs, Observed, Pass
from tradewind.passes.quantization.front_end import FrontEnd, front_end
from tradewind.passes.quantization.preparing import prepared, quantized
from tradewind.passes.silence import silenced
from tradewind.temporary import temporary_folder


@final
@dataclass(frozen=True)
class QuantizeDynamic(Pass):
    """Store weights in int8; find the range of every activation anew for each request.

    Matrix products, embeddings and LSTM are quantized; ONNX Runtime has no such kernel for GRU.
    """

    name: ClassVar[str] = "quantize_dynamic"
    is_lossless: ClassVar[bool] = False

    weights: Literal["s8", "u8"] = "s8"
    per_channel: bool = True
    reduce_range: bool = False  # 7-bit weights, for CPUs whose int8 products saturate
    front_end: FrontEnd = "float"

    def needs(self, model: Model) -> Needs:
        return Needs()

    def apply(self, model: Model, seen: Observed) -> Change:
        # imported here because it costs a second that serving never needs
        from onnxruntime import quantization as ortq

        proto = prepared(model)
        with temporary_folder() as folder, silenced():
            path = folder / "quantized.onnx"
            try:
                ortq.quantize_dynamic(
                    proto,
                    path,
                    # convolutions are left out: on CPUs their dynamic form is far slower
                    op_types_to_quantize=["MatMul", "Gemm", "Attention", "LSTM", "Gather"],
                    nodes_to_exclude=front_end(proto) if self.front_end == "float" else [],
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
        return quantized(model, proto)

    @property
    def label(self) -> str:
        notes: list[str] = [] if self.weights == "s8" else [self.weights]
        notes += [] if self.per_channel else ["per tensor"]
        notes += ["7-bit weights"] if self.reduce_range else []
        notes += [] if self.front_end == "float" else ["front end too"]
        return " ".join(["int8 dynamic", *notes])
