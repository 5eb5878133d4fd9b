"""What the last layer of a classifier reads: a student can be taught that too."""

import onnx

from tradewind.model import Model
from tradewind.passes.distillation.targets import Target
from tradewind.passes.inner import run
from tradewind.tensors import Tensors

_KEEPING = {"Softmax", "LogSoftmax", "Identity", "Add", "Cast", "Squeeze", "Reshape"}
"""Operators that may stand between the last layer and the answer."""


def with_features(
    teacher: Model, student: Model, inputs: Tensors, most: int
) -> tuple[Model, dict[str, Target]]:
    """Return the teacher with what its last layers read among its outputs, as targets.

    These are values [examples, numbers] that the student computes too, under the same name and
    in the same shape, as where it was cut from the teacher further ahead.

    Args:
        teacher: computes the values.
        student: is to learn them.
        inputs: some examples.
        most: how many numbers of an example are taken at most.

    Raises:
        PassError: ONNX Runtime cannot run one of the models.
    """
    proto, cut = teacher.to_proto(), student.to_proto()
    names = sorted(_read_last(proto) & _read_last(cut))
    if not names:
        return teacher, {}
    theirs = run(proto, inputs, names, teacher.origin.source)
    mine = run(cut, inputs, names, student.origin.source)
    targets = {}
    for name in names:
        array = theirs[name]
        is_small = array.ndim == 2 and array.shape[1] <= most
        if is_small and array.shape == mine[name].shape and array.dtype.name == "float32":
            targets[name] = Target("values", max(float(array.var()), 1e-12))
            most -= array.shape[1]
            shape = (*teacher.signature.outputs[0].shape[:1], array.shape[1])
            proto.graph.output.append(
                onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, shape)
            )
    return teacher.with_proto(proto), targets


def _read_last(proto: onnx.ModelProto) -> set[str]:
    """Return what the last products before the outputs [examples, classes] read."""
    makers = {name: node for node in proto.graph.node for name in node.output}
    known = {value.name for value in [*proto.graph.input, *proto.graph.output]}
    known.update(tensor.name for tensor in proto.graph.initializer)
    found = set()
    for output in proto.graph.output:
        node = makers.get(output.name)
        while node is not None and node.op_type in _KEEPING:
            ahead = [makers[name] for name in node.input if name in makers]
            node = ahead[0] if len(ahead) == 1 else None
        if node is not None and node.op_type in ("Gemm", "MatMul") and node.input[0] not in known:
            found.add(node.input[0])
    return found
