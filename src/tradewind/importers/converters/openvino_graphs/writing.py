"""The ONNX graph that an OpenVINO graph is rewritten into, one operator after the other."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, final

import ml_dtypes
import numpy as np
import numpy.typing as npt
import onnx
import openvino as ov
from onnx import TensorProto, helper, numpy_helper

OPSET = 17
"""New enough for LayerNormalization, old enough for every quantizer."""

MAX_FOLDED = 2**28
"""Elements of a tensor that is computed while reading; more would be a bomb of a few bytes."""

_TYPES: dict[str, tuple[int, Any]] = {
    "f32": (TensorProto.FLOAT, np.float32),
    "f64": (TensorProto.DOUBLE, np.float64),
    "f16": (TensorProto.FLOAT16, np.float16),
    "bf16": (TensorProto.BFLOAT16, ml_dtypes.bfloat16),
    "i8": (TensorProto.INT8, np.int8),
    "i16": (TensorProto.INT16, np.int16),
    "i32": (TensorProto.INT32, np.int32),
    "i64": (TensorProto.INT64, np.int64),
    "u8": (TensorProto.UINT8, np.uint8),
    "u16": (TensorProto.UINT16, np.uint16),
    "u32": (TensorProto.UINT32, np.uint32),
    "u64": (TensorProto.UINT64, np.uint64),
    "boolean": (TensorProto.BOOL, np.bool_),
    "string": (TensorProto.STRING, object),
    "u4": (TensorProto.UINT8, np.uint8),
    "i4": (TensorProto.INT8, np.int8),
}
"""By OpenVINO's names; four bits are unpacked to eight."""

Array = npt.NDArray[Any]

Key = tuple[str, int]
"""An output of an operator: the operator's unique name, the output's index."""


def refused(expected: str, got: str, hint: str = "") -> ValueError:
    """Return the error for what cannot be written in ONNX."""
    return ValueError(expected, got, hint or "give the model that it was made from.")


def key_of(output: Any) -> Key:
    """Return what tells an output of an OpenVINO graph from every other one."""
    return (output.get_node().get_name(), output.get_index())


def sizes(shape: ov.PartialShape) -> tuple[int | None, ...] | None:
    """Return a shape with None for what varies; None when even the rank does."""
    if shape.rank.is_dynamic:
        return None
    return tuple(None if size.is_dynamic else size.get_length() for size in shape)


@final
@dataclass(frozen=True)
class Operation:
    """One operator of the OpenVINO graph, with what its converter asks about it."""

    node: Any
    writer: "Writer"

    @property
    def kind(self) -> str:
        """The operator's type, such as `Convolution`."""
        return str(self.node.get_type_name())

    @property
    def attributes(self) -> dict[str, Any]:
        """The operator's attributes by OpenVINO's names."""
        return dict(self.node.get_attributes())

    @property
    def count(self) -> int:
        """The number of inputs."""
        return int(self.node.get_input_size())

    def name(self, index: int) -> str:
        """Return the ONNX name of one input."""
        return self.writer.name(self.node.input_value(index))

    @property
    def names(self) -> list[str]:
        """The ONNX names of every input."""
        return [self.name(index) for index in range(self.count)]

    def known(self, index: int) -> Array | None:
        """Return the value of one input if it is constant."""
        return self.writer.known.get(key_of(self.node.input_value(index)))

    def constant(self, index: int, what: str) -> Array:
        """Return the value of one input, which ONNX wants to be known.

        Raises:
            ValueError: it depends on the model's input.
        """
        found = self.known(index)
        if found is None:
            raise self.refused(f"{what} that do not depend on the input", "computed ones")
        return found

    def shape(self, index: int) -> tuple[int | None, ...] | None:
        """Return the shape of one input."""
        return sizes(self.node.get_input_partial_shape(index))

    def rank(self, index: int = 0) -> int:
        """Return the number of dimensions of one input.

        Raises:
            ValueError: it is unknown.
        """
        shape = self.shape(index)
        if shape is None:
            raise self.refused("an input of known rank", "one of any rank")
        return len(shape)

    def type(self, index: int) -> str:
        """Return OpenVINO's name of the element type of one input."""
        return str(self.node.get_input_element_type(index).get_type_name())

    def output_type(self, index: int = 0) -> str:
        """Return OpenVINO's name of the element type of one output."""
        return str(self.node.get_output_element_type(index).get_type_name())

    def add(self, kind: str, inputs: Sequence[str], count: int = 1, **attributes: Any) -> Any:
        """Write one ONNX operator; return the name of its output, or a list of several."""
        found = self.writer.add(kind, inputs, count, **attributes)
        return found[0] if count == 1 else found

    def value(self, array: Any, dtype: Any = None) -> str:
        """Return the name of a constant."""
        return self.writer.constant(np.asarray(array, dtype))

    def like(self, number: float, index: int = 0) -> str:
        """Return the name of a constant of the element type of one input."""
        return self.value(number, numpy_type(self.type(index)))

    def cast(self, name: str, type_name: str) -> str:
        """Return the name of a tensor of another element type."""
        return str(self.add("Cast", [name], to=onnx_type(type_name)))

    def refused(self, expected: str, got: str, hint: str = "") -> ValueError:
        """Return the error for what cannot be written in ONNX."""
        where = f"{self.kind} {self.node.get_friendly_name()}"
        return refused(expected, f"{got} ({where})", hint)


@dataclass
class Writer:
    """The ONNX graph in the making."""

    has_levels: bool = False  # whether anything but weights is quantized
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    initializers: dict[str, TensorProto] = field(default_factory=dict)
    known: dict[Key, Array] = field(default_factory=dict)
    bound: dict[Key, str] = field(default_factory=dict)
    done: set[str] = field(default_factory=set)  # operators that an earlier one has taken in
    taken: set[str] = field(default_factory=set)
    unbiased: dict[str, onnx.NodeProto] = field(default_factory=dict)
    quantized: dict[str, tuple[Array, Array, Array]] = field(default_factory=dict)

    def name(self, output: Any) -> str:
        """Return the ONNX name of an output of the OpenVINO graph."""
        key = key_of(output)
        if key not in self.bound:
            self.bound[key] = self.constant(self.known[key], preferred(output))
        return self.bound[key]

    def constant(self, array: Array, hint: str = "constant") -> str:
        """Write an initializer and return its name."""
        name = self.free(hint)
        self.initializers[name] = numpy_helper.from_array(np.ascontiguousarray(array), name)
        if not array.ndim:  # which the line above gives a dimension
            self.initializers[name] = numpy_helper.from_array(array, name)
        return name

    def add(self, kind: str, inputs: Sequence[str], count: int = 1, **attributes: Any) -> list[str]:
        """Write one ONNX operator and return the names of its outputs."""
        outputs = [self.free(kind) for _ in range(count)]
        used = {name: value for name, value in attributes.items() if value is not None}
        self.nodes.append(helper.make_node(kind, list(inputs), outputs, outputs[0], **used))
        return outputs

    def bind(self, node: Any, names: Sequence[str], start: int) -> None:
        """Give the outputs of an operator their names.

        Args:
            node: the operator of the OpenVINO graph.
            names: what its converter returned.
            start: the number of ONNX operators before those of this one.
        """
        for output, name in zip(node.outputs(), names, strict=False):
            wanted = preferred(output)
            made = [item for item in self.nodes[start:] if name in item.output]
            if made and wanted not in self.taken:
                self._rename(start, name, wanted)
                self.bound[key_of(output)] = wanted
                self.taken.add(wanted)
            else:
                self.bound[key_of(output)] = name

    def _rename(self, start: int, old: str, new: str) -> None:
        for node in self.nodes[start:]:
            for names in (node.input, node.output):
                for index, name in enumerate(names):
                    if name == old:
                        names[index] = new
            if node.name == old:
                node.name = new
        if old in self.quantized:
            self.quantized[new] = self.quantized.pop(old)
            self.bound.update({key: new for key, name in self.bound.items() if name == old})
        if old in self.unbiased:
            self.unbiased[new] = self.unbiased.pop(old)

    def free(self, hint: str) -> str:
        """Return a name that nothing else has."""
        name, number = hint, 0
        while name in self.taken:
            number += 1
            name = f"{hint}_{number}"
        self.taken.add(name)
        return name


def preferred(output: Any) -> str:
    """Return what an output of the OpenVINO graph is called there."""
    names = sorted(output.get_names())
    if names:
        return str(names[0])
    node = output.get_node()
    name = str(node.get_friendly_name())
    return name if node.get_output_size() == 1 else f"{name}.{output.get_index()}"


def onnx_type(type_name: str) -> int:
    """Return ONNX's number of an OpenVINO element type.

    Raises:
        ValueError: ONNX has no such type.
    """
    return _type(type_name)[0]


def numpy_type(type_name: str) -> Any:
    """Return numpy's class of an OpenVINO element type.

    Raises:
        ValueError: numpy has no such type.
    """
    return _type(type_name)[1]


def _type(type_name: str) -> tuple[int, Any]:
    if type_name not in _TYPES:
        raise refused(f"one of {', '.join(_TYPES)}", f"the element type {type_name}")
    return _TYPES[type_name]
