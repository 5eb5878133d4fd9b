"""TensorFlow functions as ONNX graphs, and as what answers for them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import tensorflow as tf
import tf2onnx
from tf2onnx.handler import tf_op

Arrays = dict[str, Any]
OPSET = 18
"""The newest one that tf2onnx writes."""

_HINT = "export the model to ONNX where it was trained, without this operator."


@dataclass(frozen=True)
class Function:
    """What a TensorFlow model computes.

    Args:
        call: from tensors in the order of `inputs` to tensors in the order of `outputs`.
        inputs: the names of the inputs, with what they take.
        outputs: the names of the outputs.
    """

    call: Callable[..., Sequence[Any]]
    inputs: dict[str, tf.TensorSpec]
    outputs: tuple[str, ...]


def convert_function(function: Function, target: Path) -> Callable[[Arrays, list[str]], Arrays]:
    """Write a function as an ONNX graph; return what answers as TensorFlow does.

    Raises:
        ValueError: an input has no known number of dimensions, or an operator is not known.
    """
    for name, spec in function.inputs.items():
        if spec.shape.rank is None:
            hint = "export the model with the shapes of its inputs."
            raise ValueError("inputs with a known number of dimensions", name, hint)
        if not (spec.dtype.is_floating or spec.dtype.is_integer or spec.dtype.is_bool):
            hint = "leave the preprocessing of texts out of the exported model."
            raise ValueError("inputs of numbers", f"{spec.dtype.name} at {name!r}", hint)

    @tf.function(autograph=False)  # type: ignore[untyped-decorator]
    def called(*arguments: Any) -> dict[str, Any]:
        return {f"out{i}": value for i, value in enumerate(function.call(*arguments))}

    # names of one's own, since those of the model may be none that TensorFlow allows
    signature = [
        tf.TensorSpec(spec.shape, spec.dtype, name=f"in{i}")
        for i, spec in enumerate(function.inputs.values())
    ]
    proto = _converted(called, signature)
    names = {f"in{i}": name for i, name in enumerate(function.inputs)}
    names |= {f"out{i}": name for i, name in enumerate(function.outputs)}
    _rename(proto, names)

    def answer(inputs: Arrays, inside: list[str]) -> Arrays:
        given = [tf.constant(inputs[name], spec.dtype) for name, spec in function.inputs.items()]
        found = called(*given)
        return {name: found[f"out{i}"].numpy() for i, name in enumerate(function.outputs)}

    _name_sizes(proto, function, answer)
    onnx.save(proto, target)
    return answer


def _converted(called: Any, signature: list[Any]) -> onnx.ModelProto:
    try:
        proto, _ = tf2onnx.convert.from_function(called, input_signature=signature, opset=OPSET)
    except Exception as error:  # the converter raises whatever its parts do
        lines = str(error).strip().splitlines() or [type(error).__name__]
        raise ValueError("operators that tf2onnx can convert", lines[-1][:300], _HINT) from error
    assert isinstance(proto, onnx.ModelProto)
    # it leaves in the graph what it does not know
    strange = {n.op_type for n in proto.graph.node if not onnx.defs.has(n.op_type, n.domain)}
    if strange:
        raise ValueError("operators that ONNX has too", ", ".join(sorted(strange)), _HINT)
    for node in proto.graph.node:
        _modernize(node)
    return proto


def _modernize(node: onnx.NodeProto) -> None:
    """Say in today's words how a picture is enlarged: floor(x + 1/2) rounds, halves up."""
    attributes = {attribute.name: attribute for attribute in node.attribute}
    mode = attributes.get("coordinate_transformation_mode")
    if mode is not None and mode.s == b"tf_half_pixel_for_nn":
        mode.s = b"half_pixel"
        attributes["nearest_mode"].s = b"round_prefer_ceil"


@tf_op("Erfc")
class _Erfc:
    """1 - erf(x), which tf2onnx does not know and every GELU of Keras needs."""

    @classmethod
    def version_9(cls, ctx: Any, node: Any, **_: Any) -> None:
        dtype = ctx.get_dtype(node.output[0])
        kind = onnx.helper.tensor_dtype_to_np_dtype(dtype)
        one = ctx.make_const(f"{node.name}/one", np.ones((), kind))
        error = ctx.make_node("Erf", node.input, dtypes=[dtype])
        ctx.remove_node(node.name)
        inputs = [one.output[0], error.output[0]]
        ctx.make_node("Sub", inputs, outputs=node.output, name=node.name, dtypes=[dtype])


def _rename(proto: onnx.ModelProto, names: dict[str, str]) -> None:
    """Give inputs and outputs the names that the user knows."""
    graph = proto.graph
    taken = {name for node in graph.node for name in (*node.input, *node.output)}
    taken |= {tensor.name for tensor in graph.initializer}
    spare = {}
    for name in names.values():  # what has such a name already makes place
        if name in taken - names.keys():
            spare[name] = f"{name}/inner"
    for mapping in (spare, names):
        _replace(graph, mapping)


def _replace(graph: onnx.GraphProto, names: dict[str, str]) -> None:
    for node in graph.node:
        node.input[:] = [names.get(name, name) for name in node.input]
        node.output[:] = [names.get(name, name) for name in node.output]
        for attribute in node.attribute:
            if attribute.HasField("g"):
                _replace(attribute.g, names)
    for value in (*graph.input, *graph.output, *graph.value_info, *graph.initializer):
        value.name = names.get(value.name, value.name)


def _name_sizes(
    proto: onnx.ModelProto,
    function: Function,
    answer: Callable[[Arrays, list[str]], Arrays],
) -> None:
    """Name the sizes that may vary: `N` where they count examples, as trying it out tells."""
    counts = [spec.shape.rank > 0 and spec.shape[0] is None for spec in function.inputs.values()]
    for value in proto.graph.input:
        spec = function.inputs[value.name]
        _set_sizes(value, spec.shape.as_list(), value.name, counts_examples=all(counts))
    batch = 3
    if all(counts) and counts:
        zeros = {
            name: np.zeros(
                [batch, *(8 if size is None else size for size in spec.shape.as_list()[1:])],
                spec.dtype.as_numpy_dtype,
            )
            for name, spec in function.inputs.items()
        }
        found = answer(zeros, [])
    for value in proto.graph.output:
        sizes = [size.dim_value or None for size in value.type.tensor_type.shape.dim]
        follows = bool(all(counts) and counts and sizes and len(found[value.name]) == batch)
        _set_sizes(value, sizes, value.name, counts_examples=follows)


def _set_sizes(
    value: onnx.ValueInfoProto, sizes: list[int | None], name: str, *, counts_examples: bool
) -> None:
    for axis, (size, dimension) in enumerate(
        zip(sizes, value.type.tensor_type.shape.dim, strict=True)
    ):
        if size is None:
            is_batch = axis == 0 and counts_examples
            dimension.dim_param = "N" if is_batch else f"{name}_{axis}"
