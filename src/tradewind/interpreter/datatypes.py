"""ONNX element types as those of PyTorch."""

from dataclasses import dataclass
from typing import Any, final

import numpy as np
import onnx_ir as ir

from tradewind.errors import UnsupportedModel
from tradewind.interpreter.pytorch import Tensor, torch
from tradewind.tensors import Array

_NAMES = {
    ir.DataType.BOOL: "bool",
    ir.DataType.UINT8: "uint8",
    ir.DataType.UINT16: "uint16",
    ir.DataType.UINT32: "uint32",
    ir.DataType.UINT64: "uint64",
    ir.DataType.INT8: "int8",
    ir.DataType.INT16: "int16",
    ir.DataType.INT32: "int32",
    ir.DataType.INT64: "int64",
    ir.DataType.FLOAT16: "float16",
    ir.DataType.BFLOAT16: "bfloat16",
    ir.DataType.FLOAT: "float32",
    ir.DataType.DOUBLE: "float64",
    ir.DataType.COMPLEX64: "complex64",
    ir.DataType.COMPLEX128: "complex128",
}
_NARROW = {
    ir.DataType.INT4: np.int8,
    ir.DataType.UINT4: np.uint8,
    ir.DataType.INT2: np.int8,
    ir.DataType.UINT2: np.uint8,
    ir.DataType.FLOAT8E4M3FN: np.float32,
    ir.DataType.FLOAT8E5M2: np.float32,
}
"""Types without arithmetic in PyTorch, with those that hold all their values."""

FLOATS = (ir.DataType.FLOAT16, ir.DataType.BFLOAT16, ir.DataType.FLOAT, ir.DataType.DOUBLE)


@final
@dataclass(frozen=True)
class Datatypes:
    """Which PyTorch type stands for an ONNX type.

    Args:
        float_name: the PyTorch type that every float type becomes; empty leaves them alone.
    """

    float_name: str = ""

    def of(self, datatype: ir.DataType | int) -> Any:
        """Return the `torch.dtype` that stands for an ONNX type.

        Raises:
            UnsupportedModel: PyTorch has no such type.
        """
        datatype = ir.DataType(datatype)
        if datatype in FLOATS and self.float_name:
            return getattr(torch, self.float_name)
        name = _NAMES.get(datatype)
        if name is None:
            raise UnsupportedModel("a tensor", "a type that PyTorch computes with", datatype.name)
        return getattr(torch, name)

    def tensor(self, value: ir.TensorProtocol, where: str) -> Tensor:
        """Return a copy of a tensor of the graph, on the CPU.

        Raises:
            UnsupportedModel: PyTorch has no such type, or there are too few numbers.
        """
        try:
            array = np.asarray(value.numpy())
        except Exception as error:  # each kind of tensor fails in a way of its own
            raise UnsupportedModel(where, f"{value.shape} numbers", f"{error}") from error
        if value.dtype in _NARROW:
            return from_array(array.astype(_NARROW[value.dtype]))
        if value.dtype not in _NAMES:
            raise UnsupportedModel(where, "a type that PyTorch computes with", value.dtype.name)
        tensor = from_array(array)
        return tensor.to(self.of(value.dtype)) if value.dtype in FLOATS else tensor


def from_array(array: Array) -> Tensor:
    """Return a copy of an array as a tensor on the CPU; bfloat16 is known to ml_dtypes only."""
    if array.dtype.name == "bfloat16":
        bits = np.array(array.view(np.uint16), order="C").view(np.int16)
        return torch.from_numpy(bits).view(torch.bfloat16)
    return torch.from_numpy(np.array(array, order="C"))


def to_array(tensor: Tensor) -> Array:
    """Return a tensor as an array; bfloat16 becomes float32, which holds all its values."""
    plain = tensor.detach().cpu()
    array: Array = (plain.float() if plain.dtype == torch.bfloat16 else plain).numpy()
    return array
