"""TensorFlow's SavedModels and frozen graphs."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import tensorflow as tf
from google.protobuf.message import DecodeError
from tensorflow.core.protobuf import saved_model_pb2

from .tf_functions import Arrays, Function, convert_function

_FOREIGN = (
    "CreateSummaryFileWriter", "DebugIdentity", "DebugNumericSummary", "DumpTensor",
    "EagerPyFunc", "FixedLengthRecordReader", "MatchingFiles", "PyFunc", "ReadFile",
    "TFRecordReader", "TextLineReader", "WholeFileReader", "WriteFile", "WriteGraphSummary",
)  # fmt: skip
_VARIABLES = ("VarHandleOp", "Variable", "VariableV2")
_SILENT = ("Assert", "Const", "NoOp", "Placeholder")
DEFAULT = "serving_default"


def convert(
    request: dict[str, Any], target: Path
) -> tuple[dict[str, Any], Callable[[Arrays, list[str]], Arrays]]:
    """Write the graph; return which signature it was made from, with TensorFlow's answers."""
    tf.config.threading.set_intra_op_parallelism_threads(1)
    path = Path(request["path"])
    if path.is_dir():
        name, function = _saved_model(path, request["signature"])
        return {"signature": name}, convert_function(function, target)
    return {"signature": None}, convert_function(_frozen(path), target)


def _saved_model(path: Path, wanted: str | None) -> tuple[str, Function]:
    saved = saved_model_pb2.SavedModel()
    _parse(saved, path / "saved_model.pb", "a SavedModel")
    for graph in saved.meta_graphs:
        functions = graph.graph_def.library.function
        _check_operators([*graph.graph_def.node, *(n for f in functions for n in f.node_def)])
    try:
        model = tf.saved_model.load(path)
    except Exception as error:  # damaged checkpoints raise whatever their parts do
        lines = str(error).strip().splitlines() or [""]
        hint = "copy the folder again, with `variables` and `assets`."
        raise ValueError("a whole SavedModel", lines[0][:300], hint) from error
    name = _chosen(dict(model.signatures), wanted)
    signature = model.signatures[name]
    _, inputs = signature.structured_input_signature
    inputs = dict(sorted(inputs.items()))  # loaded in an order that differs from run to run
    outputs = signature.structured_outputs
    names = sorted(outputs)

    def call(*arguments: Any) -> list[Any]:
        # the function keeps the variables, which live as long as the model does
        found = model.signatures[name](**dict(zip(inputs, arguments, strict=True)))
        return [found[key] for key in names]

    return name, Function(call, inputs, tuple(names))


def _chosen(signatures: dict[str, Any], wanted: str | None) -> str:
    known = ", ".join(sorted(signatures))
    if not signatures:
        hint = "save it with `tf.saved_model.save(model, folder, signatures=...)`."
        raise ValueError("a SavedModel with signatures", "one without", hint)
    if wanted is not None:
        if wanted not in signatures:
            raise ValueError(f"one of the signatures {known}", wanted, "")
        return wanted
    if DEFAULT in signatures:
        return DEFAULT
    if len(signatures) == 1:
        return next(iter(signatures))
    hint = "choose one: `--signature NAME`, or `load_model(FOLDER, signature=NAME)`."
    raise ValueError(f"a signature {DEFAULT!r}", known, hint)


def _check_operators(nodes: list[Any]) -> None:
    """Raise when a graph reads or writes files, or runs Python."""
    for node in nodes:
        if node.op.startswith(_FOREIGN):
            hint = "export the model without it."
            raise ValueError("operators that only compute", f"{node.op} at {node.name!r}", hint)


def _frozen(path: Path) -> Function:
    graph = tf.compat.v1.GraphDef()
    _parse(graph, path, "a frozen graph")
    nodes = [*graph.node, *(n for f in graph.library.function for n in f.node_def)]
    _check_operators(nodes)
    for node in nodes:
        if node.op in _VARIABLES:
            hint = "freeze it: `convert_variables_to_constants`; or give a SavedModel."
            raise ValueError("a graph whose weights are constants", f"{node.op} {node.name}", hint)
    used = {name.lstrip("^").partition(":")[0] for node in graph.node for name in node.input}
    inputs = [node.name for node in graph.node if node.op == "Placeholder"]
    outputs = [n.name for n in graph.node if n.name not in used and n.op not in _SILENT]
    if not inputs or not outputs:
        raise ValueError("a graph with inputs and outputs", f"{len(graph.node)} nodes", "")
    wrapped = tf.compat.v1.wrap_function(lambda: tf.import_graph_def(graph, name=""), [])
    tensors = [wrapped.graph.get_tensor_by_name(f"{name}:0") for name in inputs]
    fetched = [t for name in outputs for t in wrapped.graph.get_operation_by_name(name).outputs]
    function = wrapped.prune(tensors, fetched)

    def call(*arguments: Any) -> list[Any]:
        return list(function(*arguments))

    specs = {
        name: tf.TensorSpec(tensor.shape, tensor.dtype)
        for name, tensor in zip(inputs, tensors, strict=True)
    }
    names = [t.name.removesuffix(":0").replace(":", "_") for t in fetched]
    return Function(call, specs, tuple(names))


def _parse(message: Any, path: Path, expected: str) -> None:
    try:
        message.ParseFromString(path.read_bytes())
    except DecodeError as error:
        hint = "copy it again; it may be cut off."
        raise ValueError(expected, f"bytes that are none ({error})", hint) from error
