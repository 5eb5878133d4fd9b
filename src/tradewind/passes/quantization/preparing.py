"""What surrounds every quantizer: examples in batches, named nodes, a checked result."""

import onnx

from tradewind.errors import PassError
from tradewind.model import Model
from tradewind.passes.contract import Change, Observed
from tradewind.passes.inner import reads
from tradewind.passes.quantization.front_end import name_nodes
from tradewind.tensors import Array


def calibration_batches(model: Model, seen: Observed, size: int) -> list[dict[str, Array]]:
    """Return the examples in batches that the graph takes.

    Args:
        model: what will be run on them.
        seen: the examples.
        size: examples in one batch, where the graph leaves it free.

    Raises:
        PassError: there are fewer examples than one batch needs.
    """
    wanted = model.signature.fixed_batch or max(min(size, len(seen)), 1)
    found = seen.full_batches(wanted)
    if not found:
        raise PassError(
            model.origin.source, f"{wanted} examples to calibrate on", f"{len(seen)} of them"
        )
    return found


def prepared(model: Model) -> onnx.ModelProto:
    """Return the graph with a name for every node, without the shapes of tensors inside it.

    The quantizer transposes weights and leaves the old shapes behind, on which its own shape
    inference then fails.
    """
    proto = model.to_proto()
    del proto.graph.value_info[:]
    name_nodes(proto)
    return proto


def quantized(model: Model, proto: onnx.ModelProto) -> Change:
    """Return what a quantizer made of `model`, with how many tensors it quantized.

    Raises:
        PassError: none, so that nothing was gained; or the graph breaks a rule of ONNX, as
            quantizers leave it behind where they meet a type that they do not know.
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
        raise PassError(model.origin.source, "an operator with weights to quantize", "none")
    _unlist_weights(proto)
    _sort(proto)
    try:
        onnx.checker.check_model(proto, full_check=True)
    except Exception as error:  # shape inference raises classes of its own
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise PassError(model.origin.source, "a graph of types that quantize", reason) from error
    return Change(
        model.with_proto(proto), f"{weights} weights in int8, {pairs} activations quantized"
    )


def _unlist_weights(proto: onnx.ModelProto) -> None:
    """Take weights from the list of inputs, where files before IR version 4 have them all."""
    weights = {tensor.name for tensor in proto.graph.initializer}
    inputs = [value for value in proto.graph.input if value.name not in weights]
    del proto.graph.input[:]
    proto.graph.input.extend(inputs)
    proto.ir_version = max(proto.ir_version, 4)


def _sort(proto: onnx.ModelProto) -> None:
    """Put nodes after those that they read from; quantizers overlook what branches read."""
    missing = {name for node in proto.graph.node for name in node.output}
    waiting = list(proto.graph.node)
    ready: list[onnx.NodeProto] = []
    while waiting:
        later = []
        for node in waiting:
            if missing.isdisjoint(reads(node)):
                ready.append(node)
                missing.difference_update(node.output)
            else:
                later.append(node)
        if len(later) == len(waiting):  # a cycle, which the check of the graph tells about
            return
        waiting = later
    del proto.graph.node[:]
    proto.graph.node.extend(ready)
