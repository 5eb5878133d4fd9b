"""ONNX files, checked before anything else reads them."""

import contextlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, final

import onnx

from tradewind.errors import ModelError
from tradewind.importers.freeing import free_name
from tradewind.importers.functions import all_nodes, check_functions, write_out_functions
from tradewind.importers.importer import Importer
from tradewind.importers.inference import infer_outputs
from tradewind.importers.weights import has_outside_weights, take_in_weights
from tradewind.model import MAX_BYTES, Model, Origin

MIN_OPSET = 1
"""Before 7 some operators broadcast by other rules; engines name those that they do not know."""

_STANDARD = ("", "ai.onnx", "ai.onnx.ml")


@final
@dataclass(frozen=True)
class OnnxImporter(Importer):
    """`.onnx` files, with weights inside or beside them, and ModelProto objects."""

    name: ClassVar[str] = "onnx"

    def matches(self, source: object) -> bool:
        if isinstance(source, onnx.ModelProto):
            return True
        if not isinstance(source, Path) or not source.is_file():
            return False
        with source.open("rb") as file:
            tag = file.read(1)
        # a protocol buffer begins with the number of a field (1..15 of a ModelProto fit into
        # one byte) and how long it is: a number of its own (0) or bytes after their count (2)
        return bool(tag) and tag[0] >> 3 in range(1, 16) and tag[0] & 7 in (0, 2)

    def load(self, source: object) -> Model:
        if isinstance(source, onnx.ModelProto):
            where = source.graph.name or "ModelProto"
            proto = onnx.ModelProto()
            proto.CopyFrom(source)
            if has_outside_weights(proto):
                hint = "load the file itself, so that its folder is known."
                raise ModelError(where, "weights inside the model", "weights in a file", hint)
            return freeze(proto, Origin("onnx", where))
        assert isinstance(source, Path)
        proto = _read(source)
        with _as_model_errors(source.name):
            take_in_weights(proto, source.parent, source.name)
        return freeze(proto, Origin("onnx", source.name))


def freeze(proto: onnx.ModelProto, origin: Origin) -> Model:
    """Check a ModelProto, complete its signature and return it as a model.

    Args:
        proto: the model, weights inside; it is changed.
        origin: where it comes from.

    Raises:
        ModelError: it breaks a rule of ONNX, or uses what the installed `onnx` does not know.
    """
    where = origin.source
    if not proto.HasField("graph") or not proto.graph.node:
        raise ModelError(where, "an ONNX graph", "a file without one", "export the model again.")
    with _as_model_errors(where):
        _check_opsets(proto, where)
        check_functions(proto, where)
        for function in proto.functions:
            _check_operators(function.node, function.opset_import, proto.functions, where)
        _check_operators(proto.graph.node, proto.opset_import, proto.functions, where)
        _name_batch(proto.graph)
        if any(_is_vague(output) for output in proto.graph.output):
            _complete_outputs(proto.graph, infer_outputs(proto))
        onnx.checker.check_model(proto, full_check=False)
        model = Model.from_proto(write_out_functions(proto), origin)
        signature = model.signature
    if not signature.inputs or not signature.outputs:
        got = "no inputs" if not signature.inputs else "no outputs"
        raise ModelError(where, "a model with inputs and outputs", got)
    return model


@contextlib.contextmanager
def _as_model_errors(where: str) -> Iterator[None]:
    """Report what damaged models drive the libraries to, native code among them, as one class."""
    try:
        yield
    except ModelError:
        raise
    except Exception as error:
        raise ModelError(where, "a valid ONNX model", _reason(error)) from error


def _read(path: Path) -> onnx.ModelProto:
    size_bytes = path.stat().st_size
    if size_bytes > MAX_BYTES:
        hint = "larger models are served by runtimes for language models."
        raise ModelError(path.name, f"at most {MAX_BYTES} bytes", f"{size_bytes} bytes", hint)
    try:
        return onnx.load_model_from_string(path.read_bytes())
    except OSError as error:
        raise ModelError(path.name, "a readable file", error.strerror or str(error)) from error
    except Exception as error:  # the class depends on how protobuf was built
        hint = "the file is cut off or is of another format; copy or export it again."
        raise ModelError(path.name, "an ONNX model", "bytes that are none", hint) from error


def _check_opsets(proto: onnx.ModelProto, where: str) -> None:
    if proto.ir_version > onnx.IR_VERSION:
        hint = "upgrade `onnx`, or export the model for an older version."
        expected = f"an ONNX file of IR version {onnx.IR_VERSION} or older"
        raise ModelError(where, expected, str(proto.ir_version), hint)
    newest = onnx.defs.onnx_opset_version()
    for opset in proto.opset_import:
        if opset.domain in ("", "ai.onnx") and not MIN_OPSET <= opset.version <= newest:
            hint = "export the model again with `opset_version=17`."
            expected = f"an opset from {MIN_OPSET} to {newest}"
            raise ModelError(where, expected, f"opset {opset.version}", hint)


def _check_operators(
    nodes: Iterable[onnx.NodeProto],
    imports: Iterable[onnx.OperatorSetIdProto],
    functions: Iterable[onnx.FunctionProto],
    where: str,
) -> None:
    versions = {opset.domain: opset.version for opset in imports}
    versions.setdefault("", versions.get("ai.onnx", 0))
    own = {(function.domain, function.name) for function in functions}
    for node in all_nodes(nodes):
        if node.domain not in _STANDARD or (node.domain, node.op_type) in own:
            continue
        domain = node.domain.removeprefix("ai.onnx") if node.domain == "ai.onnx" else node.domain
        version = versions.get(domain, 0)
        if not version:
            raise ModelError(where, f"the opset of {domain or 'ai.onnx'}", "a model without it")
        try:
            onnx.defs.get_schema(node.op_type, version, domain)
        except onnx.defs.SchemaError as error:
            raise ModelError(
                f"{where}: {node.name or node.op_type}",
                f"an operator of {domain or 'ai.onnx'} opset {version}",
                node.op_type,
                "export the model again with a newer opset, or without custom operators.",
            ) from error


def _name_batch(graph: onnx.GraphProto) -> None:
    """Name the first dimension of every input that varies but has no name."""
    weights = {tensor.name for tensor in graph.initializer}
    inputs = [value for value in graph.input if value.name not in weights]
    shapes = [value.type.tensor_type.shape.dim for value in inputs]
    for shape in shapes:
        for size in shape:
            if size.dim_value < 0:  # how some exporters write "any"
                size.ClearField("dim_value")
    free = free_name(graph)
    for shape in shapes:
        if shape and free and not shape[0].HasField("dim_value") and not shape[0].dim_param:
            shape[0].dim_param = free


def _is_vague(value: onnx.ValueInfoProto) -> bool:
    """Whether an output lacks its number of dimensions or element type."""
    if not value.type.WhichOneof("value"):
        return True
    tensor = value.type.tensor_type
    return value.type.HasField("tensor_type") and not (
        tensor.HasField("shape") and tensor.elem_type
    )


def _complete_outputs(graph: onnx.GraphProto, found: dict[str, onnx.ValueInfoProto]) -> None:
    for output in graph.output:
        if _is_vague(output) and output.name in found:
            output.type.CopyFrom(found[output.name].type)


def _reason(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0].rstrip(".")[:300] if lines else type(error).__name__
