"""A text encoder with random weights: what it costs matters here, not what it says."""

from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from tradewind.tensors import Array

LAYERS = 4
WIDTH = 192
HEADS = 4
SENTENCE = 64
VOCABULARY = 4096
CLASSES = 2


def text_model(sentence: int = SENTENCE) -> onnx.ModelProto:
    """Return an encoder from tokens INT64[N, sentence] to logits FP32[N, 2]."""
    graph = _Graph()
    x = graph.node("Gather", [graph.weight(VOCABULARY, WIDTH), "tokens"])  # [N, T, W]
    x = graph.node("Add", [x, graph.weight(sentence, WIDTH)])
    for _ in range(LAYERS):
        x = graph.normal(graph.node("Add", [x, _attention(graph, x, sentence)]))
        inner = graph.node("MatMul", [x, graph.weight(WIDTH, 4 * WIDTH)])
        inner = graph.node("Relu", [inner])
        x = graph.normal(
            graph.node("Add", [x, graph.node("MatMul", [inner, graph.weight(4 * WIDTH, WIDTH)])])
        )
    pooled = graph.node("ReduceMean", [x], axes=[1], keepdims=0)  # [N, W]
    graph.node("MatMul", [pooled, graph.weight(WIDTH, CLASSES)], "logits")
    made = helper.make_graph(
        graph.nodes,
        "text",
        [helper.make_tensor_value_info("tokens", TensorProto.INT64, ["N", sentence])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["N", CLASSES])],
        graph.constants,
    )
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    return model


def _attention(graph: "_Graph", x: str, sentence: int) -> str:
    size = WIDTH // HEADS
    split = graph.constant(np.array([0, sentence, HEADS, size]))
    query, key, value = (
        graph.node("Reshape", [graph.node("MatMul", [x, graph.weight(WIDTH, WIDTH)]), split])
        for _ in range(3)
    )
    query = graph.node("Transpose", [query], perm=[0, 2, 1, 3])  # [N, H, T, D]
    key = graph.node("Transpose", [key], perm=[0, 2, 3, 1])  # [N, H, D, T]
    value = graph.node("Transpose", [value], perm=[0, 2, 1, 3])
    scale = graph.constant(np.float32(size**-0.5))
    scores = graph.node("Mul", [graph.node("MatMul", [query, key]), scale])
    mixed = graph.node("MatMul", [graph.node("Softmax", [scores], axis=-1), value])
    merged = graph.constant(np.array([0, sentence, WIDTH]))
    flat = graph.node("Reshape", [graph.node("Transpose", [mixed], perm=[0, 2, 1, 3]), merged])
    return graph.node("MatMul", [flat, graph.weight(WIDTH, WIDTH)])


class _Graph:
    """Nodes in order, with the constants they read."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        self._random = np.random.default_rng(0)

    def node(self, kind: str, inputs: list[str], output: str = "", **attributes: Any) -> str:
        name = output or f"v{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [name], **attributes))
        return name

    def constant(self, value: Array | np.float32) -> str:
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def weight(self, rows: int, columns: int) -> str:
        drawn = self._random.normal(scale=rows**-0.5, size=(rows, columns))
        return self.constant(drawn.astype(np.float32))

    def normal(self, x: str) -> str:
        scale = self.constant(np.ones(WIDTH, np.float32))
        shift = self.constant(np.zeros(WIDTH, np.float32))
        return self.node("LayerNormalization", [x, scale, shift], axis=-1)
