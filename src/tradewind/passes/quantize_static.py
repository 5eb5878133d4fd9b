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
from tradewind.passes.silence import silenced
from tradewind.tensors import Array


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
        batch_size = model.signature.fixed_batch or 8
        with tempfile.TemporaryDirectory(prefix="tradewind-") as folder, silenced():
            path = Path(folder) / "quantized.onnx"
            try:
                ortq.quantize_static(
                    without_inferred_shapes(model),
                    path,
                    _Reader(seen, batch_size),
                    quant_format=ortq.QuantFormat.QDQ,
                    per_channel=self.per_channel,
                    reduce_range=self.reduce_range,
                    activation_type=kinds[self.activations],
                    weight_type=kinds[self.weights],
                    calibrate_method=methods[self.calibration],
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
        return Change(model.with_proto(proto), quantized_summary(proto))

    @property
    def label(self) -> str:
        notes = [f"{self.activations}{self.weights}"]
        notes += ["symmetric"] if self.is_symmetric else []
        notes += [] if self.per_channel else ["per tensor"]
        notes += ["7-bit weights"] if self.reduce_range else []
        notes += [] if self.calibration == "minmax" else [self.calibration]
        return f"int8 {' '.join(notes)}"


class _Reader:
    """Hands the calibrator one range of the examples at a time."""

    def __init__(self, seen: Observed, batch_size: int) -> None:
        self._batches = [
            batch
            for batch in seen.batches(batch_size)
            if len(next(iter(batch.values()))) == batch_size or len(seen) < batch_size
        ]
        self._left: Iterator[dict[str, Array]] = iter(self._batches)

    def __len__(self) -> int:
        return len(self._batches)

    def set_range(self, start_index: int, end_index: int) -> None:
        self._left = iter(self._batches[start_index:end_index])

    def get_next(self) -> dict[str, Array] | None:
        return next(self._left, None)


def without_inferred_shapes(model: Model) -> onnx.ModelProto:
    """Return the graph without the shapes of tensors inside it.

    The quantizer transposes weights and leaves the old shapes behind, on which its own shape
    inference then fails.
    """
    proto = onnx.load_model_from_string(model.content)
    del proto.graph.value_info[:]
    return proto


def quantized_summary(proto: onnx.ModelProto) -> str:
    """Return how many tensors a graph quantizes.

    Raises:
        PassError: none, so that nothing was gained.
    """
    pairs = sum(
        node.op_type in ("QuantizeLinear", "DynamicQuantizeLinear") for node in proto.graph.node
    )
    dense = sum(
        node.op_type in ("MatMulInteger", "ConvInteger", "DynamicQuantizeMatMul", "QGemm")
        for node in proto.graph.node
    )
    weights = sum(
        tensor.data_type in (onnx.TensorProto.INT8, onnx.TensorProto.UINT8) and len(tensor.dims) > 1
        for tensor in proto.graph.initializer
    )
    if not weights and not dense:
        raise PassError("graph", "an operator with weights to quantize", "none")
    return f"{weights} weights in int8, {pairs} activations quantized"
