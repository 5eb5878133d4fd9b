"""A trained model, frozen: one ONNX graph with its signature and where it came from."""

import hashlib
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import onnx

from tradewind.errors import ModelError
from tradewind.postponed import until_used
from tradewind.tensors import Datatype, Dimension, Signature, TensorSpec

with until_used("sympy", "onnx_ir._symbolic_shapes"):  # only for arithmetic with symbolic sizes
    import onnx_ir as ir

MAX_BYTES = 2**31 - 2**20
"""Protocol buffers end at 2 GiB; weights kept outside the file count too."""

_DATATYPES: dict[ir.DataType, Datatype] = {
    ir.DataType.BOOL: Datatype.BOOL,
    ir.DataType.UINT8: Datatype.UINT8,
    ir.DataType.UINT16: Datatype.UINT16,
    ir.DataType.UINT32: Datatype.UINT32,
    ir.DataType.UINT64: Datatype.UINT64,
    ir.DataType.INT8: Datatype.INT8,
    ir.DataType.INT16: Datatype.INT16,
    ir.DataType.INT32: Datatype.INT32,
    ir.DataType.INT64: Datatype.INT64,
    ir.DataType.FLOAT16: Datatype.FP16,
    ir.DataType.BFLOAT16: Datatype.BF16,
    ir.DataType.FLOAT: Datatype.FP32,
    ir.DataType.DOUBLE: Datatype.FP64,
    ir.DataType.STRING: Datatype.BYTES,
}


@dataclass(frozen=True)
class Parity:
    """How closely an imported graph answers like the model that it was made from.

    The error of an answer is |graph - original| / max(1, |original|).
    """

    examples: int  # questions asked, edge cases included
    largest: float  # error over all questions and outputs
    tolerance: float  # the largest error that counts as equal
    differing: float  # share of examples beyond it

    def __str__(self) -> str:
        text = f"{self.largest:.1g} at most on {self.examples:,} questions"
        text += f", {self.tolerance:g} allowed"
        return text + (f"; {self.differing:.2%} of them beyond it" if self.differing else "")


@dataclass(frozen=True)
class Origin:
    """Where a model came from."""

    framework: str  # onnx, scikit-learn …
    source: str  # the file name, or what it was called in memory
    parity: Parity | None = None  # None where the graph is the original


@dataclass(frozen=True)
class Model:
    """A frozen ONNX graph; every change makes another `Model`.

    Args:
        content: the serialized ModelProto, weights included, at most `MAX_BYTES`.
        origin: where it came from.
    """

    content: bytes = field(repr=False)
    origin: Origin

    @cached_property
    def digest(self) -> str:
        """The SHA-256 of the content, in hexadecimal."""
        return hashlib.sha256(self.content).hexdigest()

    @cached_property
    def graph(self) -> ir.Model:
        """The graph in memory, shared: look at it, but never change it.

        Raises:
            ModelError: the content is no ONNX graph.
        """
        return self.thaw()

    def thaw(self) -> ir.Model:
        """Return a copy of the graph that may be changed.

        Raises:
            ModelError: the content is no ONNX graph.
        """
        proto = self.to_proto()
        try:
            graph = ir.serde.deserialize_model(proto)
        except Exception as error:  # protocol buffers hold anything; so are the errors
            raise self._damaged(f"{type(error).__name__}: {error}") from error
        _check_order(graph.graph, self.origin.source)
        return graph

    def to_proto(self) -> onnx.ModelProto:
        """Return a copy of the graph as ONNX's own object.

        Raises:
            ModelError: the content is no ONNX graph.
        """
        try:
            proto = onnx.load_model_from_string(self.content)
        except Exception as error:  # the class depends on how protobuf was built
            raise self._damaged(f"{error}") from error
        if not proto.HasField("graph"):
            raise self._damaged("nothing of the kind")
        return proto

    def _damaged(self, got: str) -> ModelError:
        hint = "the file is cut off or damaged; copy or export it again."
        return ModelError(self.origin.source, "an ONNX graph", got, hint)

    def with_graph(self, graph: ir.Model) -> "Model":
        """Return a model of the same origin that holds `graph`.

        Raises:
            ModelError: it is larger than `MAX_BYTES`.
        """
        return self.with_proto(ir.serde.serialize_model(graph))

    def with_proto(self, proto: onnx.ModelProto) -> "Model":
        """Return a model of the same origin that holds `proto`.

        Raises:
            ModelError: it is larger than `MAX_BYTES`.
        """
        return Model.from_proto(proto, self.origin)

    @classmethod
    def from_proto(cls, proto: onnx.ModelProto, origin: Origin) -> "Model":
        """Freeze a ModelProto.

        Raises:
            ModelError: it is larger than `MAX_BYTES`.
        """
        try:
            size_bytes = proto.ByteSize()
        except Exception:  # what protocol buffers cannot hold, they cannot measure either
            raise ModelError(origin.source, f"at most {MAX_BYTES} bytes", "more") from None
        if size_bytes > MAX_BYTES:
            raise ModelError(origin.source, f"at most {MAX_BYTES} bytes", f"{size_bytes} bytes")
        return cls(proto.SerializeToString(deterministic=True), origin)

    @cached_property
    def signature(self) -> Signature:
        """What goes in and comes out.

        Raises:
            ModelError: an input or output is no tensor, or of a type without a name in the
                Open Inference Protocol.
        """
        graph = self.graph.graph
        # before IR version 4 every weight is listed among the inputs too
        weights = set(graph.initializers)
        inputs = tuple(_spec(value) for value in graph.inputs if value.name not in weights)
        return Signature(inputs, tuple(_spec(value) for value in graph.outputs))

    def save(self, path: Path) -> None:
        """Write the graph, weights included, to one `.onnx` file."""
        path.write_bytes(self.content)


def _check_order(graph: ir.Graph, where: str) -> None:
    """Raise unless every node comes after those that it depends on, as ONNX demands.

    A cycle would keep some readers of the graph busy until the memory is used up.
    """
    ahead = set(graph)
    for node in graph:
        for value in node.inputs:
            if value is not None and value.producer() in ahead:
                raise ModelError(
                    f"{where}: {node.name or node.op_type}",
                    "nodes after those that they depend on",
                    f"{value.name}, which is computed later or from itself",
                    "sort the graph with `onnx_ir.passes.common.TopologicalSortPass`.",
                )
        ahead.remove(node)


def _spec(value: ir.Value) -> TensorSpec:
    name = value.name or ""
    if value.type is None or not isinstance(value.type, ir.TensorType):
        raise ModelError(
            name,
            "a tensor",
            f"{value.type}",
            "sequences and maps cannot be served; for scikit-learn export with `zipmap=False`.",
        )
    datatype = _DATATYPES.get(value.type.dtype)
    if datatype is None:
        raise ModelError(
            name,
            "a datatype of the Open Inference Protocol",
            value.type.dtype.name,
            "cast the tensor inside the model.",
        )
    return TensorSpec(name, datatype, _shape(value))


def _shape(value: ir.Value) -> tuple[Dimension, ...]:
    if value.shape is None:
        raise ModelError(
            value.name or "",
            "a known number of dimensions",
            "a tensor of unknown rank",
            "export the model with shapes, or run `onnx.shape_inference.infer_shapes` on it.",
        )
    return tuple(size if isinstance(size, int) else size.value for size in value.shape)
