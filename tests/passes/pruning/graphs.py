"""Graphs in which channels take unusual ways."""

from collections.abc import Callable

import numpy as np
import onnx
from onnx import helper
from tests.cases.building import graph, normal, scalar, weight

Build = Callable[[np.random.Generator], onnx.ModelProto]
IMAGE = {"image": (np.float32, ("N", 4, 8, 8))}


def grouped(random: np.random.Generator) -> onnx.ModelProto:
    """Groups of several channels, then depthwise with two results a channel, then a flattening."""
    return graph(
        [
            helper.make_node("Conv", ["image", "k1", "b1"], ["c1"]),
            helper.make_node("Relu", ["c1"], ["r1"]),
            helper.make_node("Conv", ["r1", "k2"], ["c2"], group=2),
            helper.make_node("Sigmoid", ["c2"], ["s2"]),
            helper.make_node("Conv", ["s2", "k3", "b3"], ["c3"], group=8, strides=[2, 2]),
            helper.make_node("MaxPool", ["c3"], ["p"], kernel_shape=[2, 2]),
            helper.make_node("Flatten", ["p"], ["f"]),
            helper.make_node("Gemm", ["f", "w"], ["logits"], transB=1),
        ],
        IMAGE,
        {"logits": (np.float32, ("N", 3))},
        {
            "k1": weight(random, 12, 4, 3, 3), "b1": normal(random, 12),
            "k2": weight(random, 8, 6, 1, 1),
            "k3": weight(random, 16, 1, 3, 3), "b3": normal(random, 16),
            "w": normal(random, 3, 16),
        },
    )  # fmt: skip


def shuffled(random: np.random.Generator) -> onnx.ModelProto:
    """Channels split, shuffled among groups and put together again."""
    return graph(
        [
            helper.make_node("Conv", ["image", "k1"], ["c1"]),
            helper.make_node("Split", ["c1", "sizes"], ["left", "right"], axis=1),
            helper.make_node("Tanh", ["right"], ["t"]),
            helper.make_node("Concat", ["t", "left"], ["both"], axis=1),
            helper.make_node("Reshape", ["both", "apart"], ["a"]),
            helper.make_node("Transpose", ["a"], ["turned"], perm=[0, 2, 1, 3, 4]),
            helper.make_node("Reshape", ["turned", "together"], ["s"]),
            helper.make_node("Conv", ["s", "k2"], ["c2"]),
            helper.make_node("GlobalAveragePool", ["c2"], ["p"]),
            helper.make_node("Squeeze", ["p", "space"], ["logits"]),
        ],
        IMAGE,
        {"logits": (np.float32, ("N", 3))},
        {
            "k1": weight(random, 12, 4, 1, 1), "sizes": np.array([4, 8]),
            "apart": np.array([0, 2, 6, 8, 8]), "together": np.array([0, 12, 8, 8]),
            "k2": weight(random, 3, 12, 1, 1), "space": np.array([2, 3]),
        },
    )  # fmt: skip


def widened(random: np.random.Generator) -> onnx.ModelProto:
    """A shortcut that drops pixels and pads channels, as small residual networks have it."""
    return graph(
        [
            helper.make_node("Conv", ["image", "k1", "b1"], ["c1"], pads=[1, 1, 1, 1]),
            helper.make_node("Relu", ["c1"], ["r1"]),
            helper.make_node("Slice", ["r1", "from", "to", "space", "by"], ["few"]),
            helper.make_node("Pad", ["few", "pads"], ["wide"]),
            helper.make_node("Conv", ["r1", "k2"], ["c2"], strides=[2, 2], pads=[1, 1, 1, 1]),
            helper.make_node("Add", ["c2", "wide"], ["sum"]),
            helper.make_node("Slice", ["sum", "first", "last", "channel"], ["part"]),
            helper.make_node("Conv", ["part", "k3"], ["c3"]),
            helper.make_node("ReduceMean", ["c3"], ["logits"], axes=[2, 3], keepdims=0),
        ],
        IMAGE,
        {"logits": (np.float32, ("N", 3))},
        {
            "k1": weight(random, 8, 4, 3, 3), "b1": normal(random, 8),
            "from": np.array([0, 0]), "to": np.array([2**62, 2**62]),
            "space": np.array([2, 3]), "by": np.array([2, 2]),
            "pads": np.array([0, 2, 0, 0, 0, 6, 0, 0]),
            "k2": weight(random, 16, 8, 3, 3),
            "first": np.array([3]), "last": np.array([-2]), "channel": np.array([1]),
            "k3": weight(random, 3, 11, 1, 1),
        },
    )  # fmt: skip


def transposed(random: np.random.Generator) -> onnx.ModelProto:
    """Up again by transposed convolutions, one of them in groups; gates from a mean."""
    return graph(
        [
            helper.make_node("Conv", ["image", "k1"], ["c1"], strides=[2, 2]),
            helper.make_node("ConvTranspose", ["c1", "k2", "b2"], ["c2"], strides=[2, 2]),
            helper.make_node("ConvTranspose", ["c2", "k3"], ["c3"], group=2),
            helper.make_node("GlobalAveragePool", ["c3"], ["mean"]),
            helper.make_node("Conv", ["mean", "k4"], ["down"]),
            helper.make_node("Relu", ["down"], ["few"]),
            helper.make_node("Conv", ["few", "k5"], ["up"]),
            helper.make_node("HardSigmoid", ["up"], ["gate"]),
            helper.make_node("Mul", ["c3", "gate"], ["gated"]),
            helper.make_node("InstanceNormalization", ["gated", "gain", "shift"], ["n"]),
            helper.make_node("PRelu", ["n", "slope"], ["pr"]),
            helper.make_node("Conv", ["pr", "k6"], ["logits"]),
        ],
        IMAGE,
        {"logits": (np.float32, ("N", 2, "H", "W"))},
        {
            "k1": weight(random, 6, 4, 2, 2),
            "k2": weight(random, 6, 8, 2, 2), "b2": normal(random, 8),
            "k3": weight(random, 8, 6, 2, 2),
            "k4": weight(random, 4, 12, 1, 1), "k5": weight(random, 12, 4, 1, 1),
            "gain": normal(random, 12), "shift": normal(random, 12),
            "slope": normal(random, 12, 1, 1), "k6": weight(random, 2, 12, 1, 1),
        },
    )  # fmt: skip


def packed(random: np.random.Generator) -> onnx.ModelProto:
    """Attention whose three projections are one, and a gated feed-forward part."""
    return graph(
        [
            helper.make_node("MatMul", ["x", "wqkv"], ["m"]),
            helper.make_node("Add", ["m", "bqkv"], ["qkv"]),
            helper.make_node("Reshape", ["qkv", "apart"], ["five"]),
            helper.make_node("Transpose", ["five"], ["t"], perm=[2, 0, 3, 1, 4]),
            helper.make_node("Gather", ["t", "zero"], ["q"], axis=0),
            helper.make_node("Gather", ["t", "one"], ["k"], axis=0),
            helper.make_node("Gather", ["t", "two"], ["v"], axis=0),
            helper.make_node("Transpose", ["k"], ["kt"], perm=[0, 1, 3, 2]),
            helper.make_node("MatMul", ["q", "kt"], ["scores"]),
            helper.make_node("Softmax", ["scores"], ["shares"]),
            helper.make_node("MatMul", ["shares", "v"], ["mixed"]),
            helper.make_node("Transpose", ["mixed"], ["turned"], perm=[0, 2, 1, 3]),
            helper.make_node("Reshape", ["turned", "join"], ["joined"]),
            helper.make_node("MatMul", ["joined", "wo"], ["o"]),
            helper.make_node("Add", ["o", "x"], ["y"]),
            helper.make_node("LayerNormalization", ["y", "gain"], ["n"]),
            helper.make_node("MatMul", ["n", "w1"], ["h"]),
            helper.make_node("Split", ["h"], ["h1", "h2"], axis=-1),
            helper.make_node("Sigmoid", ["h1"], ["gate"]),
            helper.make_node("Mul", ["gate", "h2"], ["g"]),
            helper.make_node("MatMul", ["g", "w2"], ["z"]),
            helper.make_node("Shape", ["h"], ["size"]),
            helper.make_node("Gather", ["size", "zero"], ["batch"]),
            helper.make_node("Unsqueeze", ["batch", "axis"], ["batch1"]),
            helper.make_node("Concat", ["batch1", "rest"], ["flat"], axis=0),
            helper.make_node("Reshape", ["z", "flat"], ["logits"]),
        ],
        {"x": (np.float32, ("N", 5, 8))},
        {"logits": (np.float32, ("N", "L"))},
        {
            "wqkv": weight(random, 8, 24), "bqkv": normal(random, 24),
            "apart": np.array([0, 5, 3, 4, 2]), "join": np.array([-1, 5, 8]),
            "zero": scalar(0, np.int64), "one": scalar(1, np.int64), "two": scalar(2, np.int64),
            "wo": weight(random, 8, 8), "gain": normal(random, 8),
            "w1": weight(random, 8, 20), "w2": weight(random, 10, 3),
            "axis": np.array([0]), "rest": np.array([-1]),
        },
    )  # fmt: skip


BUILDS: tuple[Build, ...] = (grouped, shuffled, widened, transposed, packed)
"""Graphs with channels that can be cut in each."""
