"""The usual networks, a few thousand weights each."""

import numpy as np
import onnx
from onnx import helper
from tests.cases.building import graph, normal, scalar, weight


def dense(random: np.random.Generator) -> onnx.ModelProto:
    return graph(
        [
            helper.make_node("Gemm", ["x", "w1", "b1"], ["h"]),
            helper.make_node("Relu", ["h"], ["r"]),
            helper.make_node("Gemm", ["r", "w2", "b2"], ["logits"]),
        ],
        {"x": (np.float32, ("N", 16))},
        {"logits": (np.float32, ("N", 5))},
        {
            "w1": weight(random, 16, 32), "b1": normal(random, 32),
            "w2": weight(random, 32, 5), "b2": normal(random, 5),
        },
    )  # fmt: skip


def matmul(random: np.random.Generator) -> onnx.ModelProto:
    return graph(
        [
            helper.make_node("MatMul", ["x", "w"], ["h"]),
            helper.make_node("Add", ["h", "b"], ["logits"]),
        ],
        {"x": (np.float32, (4, 16))},
        {"logits": (np.float32, (4, 5))},
        {"w": weight(random, 16, 5), "b": normal(random, 5)},
    )


def residual(random: np.random.Generator) -> onnx.ModelProto:
    norm = {
        "scale": random.uniform(0.5, 1.5, 8).astype(np.float32),
        "shift": normal(random, 8),
        "mean": normal(random, 8),
        "var": random.uniform(0.5, 1.5, 8).astype(np.float32),
    }
    return graph(
        [
            helper.make_node("Conv", ["image", "k1"], ["c1"], pads=[1, 1, 1, 1]),
            helper.make_node("BatchNormalization", ["c1", *norm], ["n1"]),
            helper.make_node("Relu", ["n1"], ["r1"]),
            helper.make_node("Conv", ["r1", "k2", "b2"], ["c2"], pads=[1, 1, 1, 1]),
            helper.make_node("Add", ["c2", "r1"], ["sum"]),
            helper.make_node("Relu", ["sum"], ["r2"]),
            helper.make_node("GlobalAveragePool", ["r2"], ["p"]),
            helper.make_node("Flatten", ["p"], ["f"]),
            helper.make_node("Gemm", ["f", "w", "b"], ["logits"]),
        ],
        {"image": (np.float32, ("N", 3, 10, 10))},
        {"logits": (np.float32, ("N", 4))},
        {
            "k1": weight(random, 8, 3, 3, 3), **norm,
            "k2": weight(random, 8, 8, 3, 3), "b2": normal(random, 8),
            "w": weight(random, 8, 4), "b": normal(random, 4),
        },
    )  # fmt: skip


def depthwise(random: np.random.Generator) -> onnx.ModelProto:
    return graph(
        [
            helper.make_node("Conv", ["image", "k1"], ["c1"], strides=[2, 2]),
            helper.make_node("Clip", ["c1", "zero", "six"], ["r1"]),
            helper.make_node("Conv", ["r1", "k2"], ["c2"], group=8, pads=[1, 1, 1, 1]),
            helper.make_node("Clip", ["c2", "zero", "six"], ["r2"]),
            helper.make_node("Conv", ["r2", "k3"], ["c3"]),
            helper.make_node("ReduceMean", ["c3"], ["logits"], axes=[2, 3], keepdims=0),
        ],
        {"image": (np.float32, (1, 3, 9, 9))},
        {"logits": (np.float32, (1, 6))},
        {
            "k1": weight(random, 8, 3, 3, 3), "k2": weight(random, 8, 1, 3, 3),
            "k3": weight(random, 6, 8, 1, 1),
            "zero": scalar(0), "six": scalar(6),
        },
    )  # fmt: skip


def attention(random: np.random.Generator) -> onnx.ModelProto:
    """One block of a transformer: two heads over sequences of any length."""
    width, heads = 8, 2
    projected = [
        node
        for part in "qkv"
        for node in (
            helper.make_node("MatMul", ["n", f"w{part}"], [f"{part}0"]),
            helper.make_node("Reshape", [f"{part}0", "split"], [f"{part}1"]),
            helper.make_node(
                "Transpose",
                [f"{part}1"],
                [part],
                perm=[0, 2, 3, 1] if part == "k" else [0, 2, 1, 3],
            ),
        )
    ]
    return graph(
        [
            helper.make_node("LayerNormalization", ["x", "gain", "shift"], ["n"]),
            *projected,
            helper.make_node("MatMul", ["q", "k"], ["scores"]),
            helper.make_node("Mul", ["scores", "scale"], ["scaled"]),
            helper.make_node("Softmax", ["scaled"], ["shares"]),
            helper.make_node("MatMul", ["shares", "v"], ["mixed"]),
            helper.make_node("Transpose", ["mixed"], ["turned"], perm=[0, 2, 1, 3]),
            helper.make_node("Reshape", ["turned", "join"], ["joined"]),
            helper.make_node("MatMul", ["joined", "wo"], ["o"]),
            helper.make_node("Add", ["o", "x"], ["y"]),
            helper.make_node("MatMul", ["y", "w1"], ["h"]),
            # GELU as exporters before opset 20 spell it
            helper.make_node("Div", ["h", "root"], ["h1"]),
            helper.make_node("Erf", ["h1"], ["h2"]),
            helper.make_node("Add", ["h2", "one"], ["h3"]),
            helper.make_node("Mul", ["h", "h3"], ["h4"]),
            helper.make_node("Mul", ["h4", "half"], ["h5"]),
            helper.make_node("MatMul", ["h5", "w2"], ["z"]),
            helper.make_node("ReduceMean", ["z"], ["logits"], axes=[1], keepdims=0),
        ],
        {"x": (np.float32, ("N", "T", width))},
        {"logits": (np.float32, ("N", 3))},
        {
            "gain": np.ones(width, np.float32), "shift": np.zeros(width, np.float32),
            **{f"w{part}": weight(random, width, width) for part in "qkvo"},
            "split": np.array([0, 0, heads, width // heads]), "join": np.array([0, 0, width]),
            "scale": scalar(0.5), "root": scalar(2**0.5),
            "one": scalar(1), "half": scalar(0.5),
            "w1": weight(random, width, 2 * width), "w2": weight(random, 2 * width, 3),
        },
    )  # fmt: skip


def lstm(random: np.random.Generator) -> onnx.ModelProto:
    size, hidden = 4, 6
    return graph(
        [
            helper.make_node("Transpose", ["x"], ["turned"], perm=[1, 0, 2]),
            helper.make_node("LSTM", ["turned", "w", "r", "b"], ["", "last"], hidden_size=hidden),
            helper.make_node("Squeeze", ["last", "first"], ["state"]),
            helper.make_node("Gemm", ["state", "wo"], ["logits"]),
        ],
        {"x": (np.float32, ("N", 5, size))},
        {"logits": (np.float32, ("N", 2))},
        {
            "w": normal(random, 1, 4 * hidden, size), "r": normal(random, 1, 4 * hidden, hidden),
            "b": normal(random, 1, 8 * hidden), "first": np.array([0]),
            "wo": weight(random, hidden, 2),
        },
    )  # fmt: skip


def score(random: np.random.Generator) -> onnx.ModelProto:
    return graph(
        [
            helper.make_node("Gemm", ["x", "w"], ["h"]),
            helper.make_node("Sigmoid", ["h"], ["score"]),
        ],
        {"x": (np.float32, ("N", 6))},
        {"score": (np.float32, ("N", 1))},
        {"w": weight(random, 6, 1)},
    )


def embedding(random: np.random.Generator) -> onnx.ModelProto:
    return graph(
        [
            helper.make_node("Gather", ["table", "tokens"], ["e"]),
            helper.make_node("ReduceMean", ["e"], ["m"], axes=[1], keepdims=0),
            helper.make_node("Gemm", ["m", "w"], ["logits"]),
        ],
        {"tokens": (np.int64, ("N", 7))},
        {"logits": (np.float32, ("N", 3))},
        {"table": normal(random, 50, 12), "w": weight(random, 12, 3)},
    )


def low_rank(random: np.random.Generator) -> onnx.ModelProto:
    """A layer whose weight is the product of two small matrices."""
    return graph(
        [
            helper.make_node("Gemm", ["x", "w1", "b1"], ["h"]),
            helper.make_node("Relu", ["h"], ["r"]),
            helper.make_node("Gemm", ["r", "w2"], ["logits"]),
        ],
        {"x": (np.float32, ("N", 16))},
        {"logits": (np.float32, ("N", 5))},
        {
            "w1": weight(random, 16, 2) @ weight(random, 2, 24), "b1": normal(random, 24),
            "w2": weight(random, 24, 5),
        },
    )  # fmt: skip
