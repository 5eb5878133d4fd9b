"""The ONNX graph in the making, with what is known of every value."""

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import ml_dtypes
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

OPSET = 17

TYPES: dict[str, tuple[int, Any]] = {
    "f32": (TensorProto.FLOAT, np.float32),
    "f64": (TensorProto.DOUBLE, np.float64),
    "f16": (TensorProto.FLOAT16, np.float16),
    "bf16": (TensorProto.BFLOAT16, ml_dtypes.bfloat16),
    "i1": (TensorProto.BOOL, np.bool_),
    "i8": (TensorProto.INT8, np.int8),
    "i16": (TensorProto.INT16, np.int16),
    "i32": (TensorProto.INT32, np.int32),
    "i64": (TensorProto.INT64, np.int64),
    "ui8": (TensorProto.UINT8, np.uint8),
    "ui16": (TensorProto.UINT16, np.uint16),
    "ui32": (TensorProto.UINT32, np.uint32),
    "ui64": (TensorProto.UINT64, np.uint64),
}
"""By MLIR's names."""

Shape = tuple[int | None, ...]


def refused(expected: str, got: str, hint: str = "") -> ValueError:
    """Return the error for what cannot be written in ONNX."""
    return ValueError(expected, got, hint or "export the function to ONNX in another way.")


@dataclass(eq=False)
class Value:
    """One tensor of the StableHLO graph.

    Args:
        shape: None for a size that may vary.
        type: MLIR's name of the element type.
        name: in the ONNX graph; empty until it is needed.
        known: its elements, if they do not depend on an input.
        narrow: a tensor that broadcasts to this one, where nothing has needed the whole.
        sizes: the shape as a tensor, for what is narrow and may vary.
        counts: the axis along which it counts from 0; None for others.
    """

    shape: Shape
    type: str
    name: str = ""
    known: Any = None
    narrow: "Value | None" = None
    sizes: "Value | None" = None
    counts: int | None = None

    @property
    def rank(self) -> int:
        """The number of dimensions."""
        return len(self.shape)

    @property
    def is_float(self) -> bool:
        """Whether the elements are real numbers."""
        return "f" in self.type

    @property
    def numpy(self) -> Any:
        """The class of an element."""
        return numpy_type(self.type)


@dataclass
class Graph:
    """The ONNX graph, or the part of one that is being written."""

    nodes: list[onnx.NodeProto] = field(default_factory=list)
    initializers: list[TensorProto] = field(default_factory=list)
    stored: dict[tuple[Any, ...], str] = field(default_factory=dict)
    named: list[Value] = field(default_factory=list)  # within the innermost part
    count: int = 0

    def free(self, hint: str) -> str:
        """Return a name that nothing else has."""
        self.count += 1
        return f"{hint}_{self.count}"

    def add(self, kind: str, inputs: Sequence[str], count: int = 1, **attributes: Any) -> Any:
        """Write one operator; return the name of its output, or a list of several."""
        outputs = [self.free(kind) for _ in range(count)]
        used = {name: value for name, value in attributes.items() if value is not None}
        self.nodes.append(helper.make_node(kind, list(inputs), outputs, outputs[0], **used))
        return outputs[0] if count == 1 else outputs

    def constant(self, array: Any, dtype: Any = None) -> str:
        """Write an initializer, or find the same small one again."""
        found = np.asarray(array, dtype)
        key = (found.tobytes(), str(found.dtype), found.shape) if found.size <= 64 else None
        if key is None or key not in self.stored:
            name = self.free("constant")
            self.initializers.append(numpy_helper.from_array(found, name))
            if key is None:
                return name
            self.stored[key] = name
        return self.stored[key]

    def name(self, value: Value) -> str:
        """Return the ONNX name of a value, all of it written."""
        if value.name:
            return value.name
        if value.known is not None:
            value.name = self.constant(value.known)
            return value.name
        assert value.narrow is not None
        if value.sizes is None:
            sizes = self.constant(value.shape, np.int64)
        else:
            sizes = self.int64(value.sizes)
        value.name = self.add("Expand", [self.name(value.narrow), sizes])
        self.named.append(value)
        return value.name

    def narrow_name(self, value: Value) -> str:
        """Return a name of what broadcasts to the value."""
        if value.narrow is not None and not value.name:
            return self.narrow_name(value.narrow)
        return self.name(value)

    def int64(self, value: Value) -> str:
        """Return the name of a value as int64, which ONNX wants of shapes."""
        if value.known is not None:
            return self.constant(value.known, np.int64)
        name = self.name(value)
        return name if value.type == "i64" else str(self.add("Cast", [name], to=TensorProto.INT64))

    def cast(self, name: str, type_name: str) -> str:
        """Return the name of a tensor of another element type."""
        return str(self.add("Cast", [name], to=onnx_type(type_name)))

    @contextlib.contextmanager
    def part(self) -> Iterator[list[onnx.NodeProto]]:
        """Write the operators of a loop or branch; its names are unknown outside."""
        outer, named = self.nodes, self.named
        self.nodes, self.named = [], []
        try:
            yield self.nodes
        finally:
            for value in self.named:
                value.name = ""
            self.nodes, self.named = outer, named


def onnx_type(type_name: str) -> int:
    """Return ONNX's number of an element type."""
    return _type(type_name)[0]


def numpy_type(type_name: str) -> Any:
    """Return numpy's class of an element type."""
    return _type(type_name)[1]


def _type(type_name: str) -> tuple[int, Any]:
    if type_name not in TYPES:
        raise refused(f"one of {', '.join(TYPES)}", type_name)
    return TYPES[type_name]


def value_info(name: str, value: Value) -> onnx.ValueInfoProto:
    """Declare a tensor."""
    return helper.make_tensor_value_info(name, onnx_type(value.type), value.shape)
