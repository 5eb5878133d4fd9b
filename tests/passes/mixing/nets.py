"""Networks of which one layer does not stand int8."""

import numpy as np
from onnx import helper
from tests.cases.building import graph, normal, weight

from tradewind.model import Model, Origin
from tradewind.passes import Observed

WIDTH = 12


def chain(random: np.random.Generator, depth: int, fragile: int) -> Model:
    """Return x -> logits through `depth` rotations, one of which reads an outlier.

    One channel before it is stretched a thousand times, and its weights are as much smaller: in
    float nothing changes, but rounded to one of 255 steps the other channels vanish.

    Args:
        random: draws the rotations.
        depth: how many.
        fragile: the number of the one, 1 or more.
    """
    matrices = [np.linalg.qr(normal(random, WIDTH, WIDTH))[0] for _ in range(depth)]
    matrices[fragile - 1][:, 0] *= 1000
    matrices[fragile][0] /= 1000
    ends = ["x", *(f"h{index}" for index in range(1, depth)), "logits"]
    nodes = [
        helper.make_node("MatMul", [ends[index], f"w{index}"], [ends[index + 1]], f"dense{index}")
        for index in range(depth)
    ]
    proto = graph(
        nodes,
        {"x": (np.float32, ("N", WIDTH))},
        {"logits": (np.float32, ("N", WIDTH))},
        {f"w{index}": matrix for index, matrix in enumerate(matrices)},
    )
    return Model.from_proto(proto, Origin("onnx", "chain.onnx"))


def examples(random: np.random.Generator, count: int = 32) -> Observed:
    return Observed({"x": normal(random, count, WIDTH)})


def shared_and_several(random: np.random.Generator) -> Model:
    """Return a graph one weight of which is read twice, with two outputs."""
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["a"], "first"),
        helper.make_node("Relu", ["a"], ["b"]),
        helper.make_node("MatMul", ["b", "w"], ["once"], "second"),
        helper.make_node("Gemm", ["b", "v", "bias"], ["twice"], "third"),
    ]
    proto = graph(
        nodes,
        {"x": (np.float32, ("N", WIDTH))},
        {"once": (np.float32, ("N", WIDTH)), "twice": (np.float32, ("N", WIDTH))},
        {
            "w": weight(random, WIDTH, WIDTH),
            "v": weight(random, WIDTH, WIDTH),
            "bias": normal(random, WIDTH),
        },
    )
    return Model.from_proto(proto, Origin("onnx", "shared.onnx"))
