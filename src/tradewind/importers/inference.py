"""What comes out of a graph that does not say it itself."""

import subprocess
import sys
from math import prod

import onnx

from tradewind.temporary import temporary_folder

SMALL = 1024
"""Elements of weights that shapes may depend on; of larger ones the shape alone is looked at."""

TIMEOUT_S = 60

_SCRIPT = """
import sys
import onnx
proto = onnx.shape_inference.infer_shapes(onnx.load(sys.argv[1]), strict_mode=False)
onnx.save(proto, sys.argv[2])
"""


def infer_outputs(proto: onnx.ModelProto) -> dict[str, onnx.ValueInfoProto]:
    """Return the outputs of the graph with their types, as far as these follow from the inputs.

    ONNX's own inference ends the process where a text or map operator takes a tensor of unknown
    type, such as one that an operator of another domain made; so it is given one of its own.

    Returns:
        By name; nothing where it failed.
    """
    with temporary_folder() as folder:
        given, found = folder / "given.onnx", folder / "found.onnx"
        given.write_bytes(_without_weights(proto).SerializeToString())
        command = [sys.executable, "-P", "-c", _SCRIPT, str(given), str(found)]
        try:
            done = subprocess.run(command, capture_output=True, check=False, timeout=TIMEOUT_S)
        except subprocess.TimeoutExpired:
            return {}
        if done.returncode != 0 or not found.exists():
            return {}
        return {value.name: value for value in onnx.load(found).graph.output}


def _without_weights(proto: onnx.ModelProto) -> onnx.ModelProto:
    """Return the graph with inputs in the place of large weights."""
    slim = onnx.ModelProto(ir_version=proto.ir_version)
    slim.opset_import.extend(proto.opset_import)
    slim.functions.extend(proto.functions)
    graph = slim.graph
    graph.name = proto.graph.name
    graph.node.extend(proto.graph.node)
    graph.input.extend(proto.graph.input)
    graph.output.extend(proto.graph.output)
    graph.value_info.extend(proto.graph.value_info)
    listed = {value.name for value in proto.graph.input}
    for tensor in proto.graph.initializer:
        if prod(tensor.dims) <= SMALL:
            graph.initializer.append(tensor)
        elif tensor.name not in listed:
            kind = tensor.data_type
            graph.input.append(
                onnx.helper.make_tensor_value_info(tensor.name, kind, list(tensor.dims))
            )
    return slim
