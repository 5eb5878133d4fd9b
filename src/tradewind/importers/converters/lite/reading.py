"""A TensorFlow Lite file as plain objects."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

Array = Any


@dataclass(frozen=True, eq=False)
class Quantization:
    """real = scale * (stored - zero_point), for the whole tensor or along one axis."""

    scale: Array  # float32[1] or float32[channels]
    zero_point: Array  # int64, as many
    axis: int

    @property
    def is_per_channel(self) -> bool:
        """Whether each channel has a scale of its own."""
        return len(self.scale) > 1

    def equals(self, other: "Quantization | None") -> bool:
        """Say whether the same number is stored in the same way."""
        return (
            other is not None
            and np.array_equal(self.scale, other.scale)
            and np.array_equal(self.zero_point, other.zero_point)
        )


@dataclass(frozen=True, eq=False)
class Tensor:
    """One tensor of a graph."""

    index: int
    name: str  # unlike every other one in the graph
    shape: tuple[int, ...]  # -1 where a size may vary
    dtype: Any  # as it is stored
    quantization: Quantization | None
    constant: Array | None
    is_variable: bool

    @property
    def rank(self) -> int:
        """The number of dimensions."""
        return len(self.shape)


@dataclass(frozen=True, eq=False)
class Operator:
    """One step of a graph; -1 among its inputs stands for one that was left out."""

    code: str  # as the schema calls it, such as CONV_2D
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: Any  # an object of the schema, None for operators without

    def input(self, position: int) -> int:
        """Return the number of an input, -1 where it was left out."""
        return self.inputs[position] if position < len(self.inputs) else -1


@dataclass(frozen=True, eq=False)
class Graph:
    """What is computed, in the order of computation."""

    tensors: tuple[Tensor, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    operators: tuple[Operator, ...]


@dataclass(frozen=True, eq=False)
class LiteFile:
    """The graphs of a file; the first one is the model, the others are bodies of loops."""

    graphs: tuple[Graph, ...]
    input_names: tuple[str, ...]
    output_names: tuple[str, ...]


def read(content: bytes) -> LiteFile:
    """Return what is in a file whose structure has been verified.

    Raises:
        ValueError: it holds something that no other runtime could read.
    """
    model = schema.ModelT.InitFromPackedBuf(content, 0)
    buffers = [_buffer(buffer, content) for buffer in model.buffers or []]
    codes = [_code(code) for code in model.operatorCodes or []]
    graphs = tuple(_graph(graph, buffers, codes) for graph in model.subgraphs)
    names = _public_names(model, graphs[0])
    return LiteFile(graphs, *names)


def _buffer(buffer: Any, content: bytes) -> bytes:
    if buffer.offset > 1:  # behind the structure, in files of more than 2 GiB
        return content[buffer.offset : buffer.offset + buffer.size]
    return b"" if buffer.data is None else bytes(np.asarray(buffer.data, np.uint8))


_CODES: dict[int, str] = {
    number: name for name, number in vars(schema.BuiltinOperator).items() if isinstance(number, int)
}


def _code(code: Any) -> str:
    # numbers beyond 127 stand in the newer of two fields
    number = max(code.builtinCode, code.deprecatedBuiltinCode)
    if number == schema.BuiltinOperator.CUSTOM:
        return _text(code.customCode)
    return _CODES.get(number, f"operator {number}")


def _graph(graph: Any, buffers: list[bytes], codes: list[str]) -> Graph:
    taken: set[str] = set()
    tensors = []
    for index, tensor in enumerate(graph.tensors or []):
        name = _text(tensor.name) or f"tensor{index}"
        if name in taken:
            name = f"{name}/{index}"
        taken.add(name)
        tensors.append(_tensor(tensor, index, name, buffers))
    operators = tuple(
        Operator(
            codes[operator.opcodeIndex],
            _numbers(operator.inputs),
            _numbers(operator.outputs),
            operator.builtinOptions or operator.builtinOptions2,
        )
        for operator in graph.operators or []
    )
    return Graph(tuple(tensors), _numbers(graph.inputs), _numbers(graph.outputs), operators)


_DTYPES: dict[int, Any] = {
    schema.TensorType.FLOAT32: np.float32,
    schema.TensorType.FLOAT16: np.float16,
    schema.TensorType.FLOAT64: np.float64,
    schema.TensorType.INT8: np.int8,
    schema.TensorType.UINT8: np.uint8,
    schema.TensorType.INT16: np.int16,
    schema.TensorType.UINT16: np.uint16,
    schema.TensorType.INT32: np.int32,
    schema.TensorType.UINT32: np.uint32,
    schema.TensorType.INT64: np.int64,
    schema.TensorType.UINT64: np.uint64,
    schema.TensorType.BOOL: np.bool_,
    schema.TensorType.INT4: np.int8,
}


def _tensor(tensor: Any, index: int, name: str, buffers: list[bytes]) -> Tensor:
    if tensor.type not in _DTYPES:
        hint = "convert the model again without strings, resources and complex numbers."
        raise ValueError("tensors of numbers", f"type {tensor.type} at {name!r}", hint)
    if tensor.sparsity is not None:
        hint = "convert the model again without sparse weights."
        raise ValueError("dense weights", f"sparse ones at {name!r}", hint)
    dtype = np.dtype(_DTYPES[tensor.type])
    shape, signature = _numbers(tensor.shape), _numbers(tensor.shapeSignature)
    data = buffers[tensor.buffer] if tensor.buffer else b""
    constant = None
    if data or (tensor.buffer and 0 in shape):
        is_packed = tensor.type == schema.TensorType.INT4
        values = _nibbles(data, shape) if is_packed else np.frombuffer(data, dtype)
        constant = values.reshape(shape)
    size = signature if len(signature) == len(shape) else shape
    quantization = _quantization(tensor.quantization)
    return Tensor(index, name, size, dtype, quantization, constant, bool(tensor.isVariable))


def _nibbles(data: bytes, shape: tuple[int, ...]) -> Array:
    """Return int8 values that were stored in four bits each, the lower ones first."""
    pairs = np.frombuffer(data, np.int8)
    values = np.stack([np.left_shift(pairs, 4) >> 4, pairs >> 4], axis=1).reshape(-1)
    return values[: int(np.prod(shape))]


def _quantization(found: Any) -> Quantization | None:
    if found is None or found.scale is None or not len(found.scale):
        return None
    scale = np.asarray(found.scale, np.float32)
    zeros = found.zeroPoint if found.zeroPoint is not None else []
    zero_point = np.asarray(zeros, np.int64) if len(zeros) else np.zeros(len(scale), np.int64)
    return Quantization(scale, zero_point, int(found.quantizedDimension))


def _numbers(found: Iterable[Any] | None) -> tuple[int, ...]:
    return () if found is None else tuple(int(number) for number in found)


def _text(found: Any) -> str:
    if found is None:
        return ""
    return found.decode("utf-8", "replace") if isinstance(found, bytes) else str(found)


def _public_names(model: Any, graph: Graph) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return what inputs and outputs are called by a signature, else by their tensors."""
    names: dict[int, str] = {}
    for signature in model.signatureDefs or []:
        if signature.subgraphIndex == 0:
            for entry in [*(signature.inputs or []), *(signature.outputs or [])]:
                names.setdefault(int(entry.tensorIndex), _text(entry.name))
    taken: set[str] = set()

    def name(index: int) -> str:
        found = names.get(index) or _plain(graph.tensors[index].name)
        while found in taken:
            found += "_"
        taken.add(found)
        return found

    inputs = tuple(name(index) for index in graph.inputs)
    return inputs, tuple(name(index) for index in graph.outputs)


def _plain(name: str) -> str:
    """Return a tensor's name without what the converter put around it."""
    plain = name.removeprefix("serving_default_").removesuffix(":0")
    return plain.removesuffix("_int8") or name
