"""Files whose weights are quantized and whose activations are not."""

from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

from .reading import Graph, LiteFile

_WEIGHTED = (
    "BATCH_MATMUL",
    "CONV_2D",
    "DEPTHWISE_CONV_2D",
    "FULLY_CONNECTED",
    "TRANSPOSE_CONV",
    "UNIDIRECTIONAL_SEQUENCE_LSTM",
)


def hybrid_weights(graph: Graph) -> list[int]:
    """Return the quantized weights of operators whose inputs are real numbers."""
    found: set[int] = set()
    for operator in graph.operators:
        tensors = [graph.tensors[index] for index in operator.inputs if index >= 0]
        source = 2 if operator.code == "TRANSPOSE_CONV" else 0
        if operator.code not in _WEIGHTED or tensors[source].dtype != np.float32:
            continue
        found.update(
            tensor.index
            for tensor in tensors
            if tensor.constant is not None
            and tensor.quantization is not None
            and tensor.dtype.kind in "iu"
        )
    return sorted(found)


def with_real_weights(content: bytes, file: LiteFile) -> bytes:
    """Return the file with these weights as real numbers.

    The interpreter rounds the inputs of such operators to eight bits while it runs, each example
    by its own largest number, only because that is faster. A file with real weights answers
    without that noise, so that a conversion can be compared with it exactly.
    """
    model = schema.ModelT.InitFromPackedBuf(content, 0)
    for graph, packed in zip(file.graphs, model.subgraphs, strict=True):
        for index in hybrid_weights(graph):
            tensor = graph.tensors[index]
            buffer = schema.BufferT()
            buffer.data = np.frombuffer(real_values(tensor).tobytes(), np.uint8)
            model.buffers.append(buffer)
            packed.tensors[index].buffer = len(model.buffers) - 1
            packed.tensors[index].type = schema.TensorType.FLOAT32
            packed.tensors[index].quantization = None
    builder = flatbuffers.Builder(len(content) * 4)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def real_values(tensor: Any) -> Any:
    """Return the real numbers of a constant."""
    if tensor.quantization is None:
        return tensor.constant.astype(np.float32)
    shape = [1] * tensor.rank
    shape[tensor.quantization.axis] = -1
    zero = tensor.quantization.zero_point.reshape(shape)
    scale = tensor.quantization.scale.reshape(shape)
    return ((tensor.constant.astype(np.int64) - zero) * scale).astype(np.float32)
