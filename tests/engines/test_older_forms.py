"""Forms of operators that newer versions of ONNX replaced, which its own tests no longer hold.

ONNX's tests hold the newest form of every operator; files of earlier years hold the others.
"""

from typing import Any

import numpy as np
import pytest
from onnx import helper
from tests.cases.building import graph, normal, scalar

from tradewind.engines import OnnxRuntime, OpenVINO
from tradewind.errors import UnsupportedModel
from tradewind.importers import load_model
from tradewind.tensors import Array

CUBE, IMAGE = (2, 5, 6), (2, 4, 6, 6)
AXES = np.array([1])

Form = tuple[str, tuple[int, ...], dict[str, Any], dict[str, Array]]

REDUCTIONS = (
    "L1", "L2", "LogSum", "LogSumExp", "Max", "Mean", "Min", "Prod", "Sum", "SumSquare",
)  # fmt: skip
TWICE = np.array([1, 1, 2, 2], np.float32)
KERNEL = np.linspace(-1, 1, 72, dtype=np.float32).reshape(4, 2, 3, 3)

CUBES: list[Form] = [
    *((f"Reduce{kind}", (7, 11, 12), {"axes": [1]}, {}) for kind in REDUCTIONS),
    *((f"Reduce{kind}", (13, 17), {"axes": [1]}, {}) for kind in REDUCTIONS if kind != "Sum"),
    *((f"Reduce{kind}", (11, 17), {}, {}) for kind in REDUCTIONS),
    *((kind, (7, 11, 12, 13), {"axis": axis}, {}) for kind in ("Softmax", "LogSoftmax")
      for axis in (0, 1, 2)),
    *((kind, (7, 11, 12, 13), {}, {}) for kind in ("Softmax", "LogSoftmax", "Hardmax")),
    ("Split", (7, 11), {"axis": 1, "split": [2, 3]}, {}),
    ("Split", (13, 17), {"axis": 1}, {"s": np.array([2, 3])}),
    ("Pad", (7,), {"pads": [0, 1, 0, 0, 2, 1], "mode": "reflect"}, {}),
    ("Pad", (11, 13), {"mode": "edge"}, {"p": np.array([0, 1, 0, 0, 2, 1])}),
    ("Pad", (11, 13), {}, {"p": np.array([0, -1, 0, 0, 2, -1]), "v": scalar(1.5)}),
    ("Slice", (7, 9), {"starts": [-4], "ends": [1000], "axes": [1]}, {}),
    ("Slice", (10, 11, 13), {}, {"a": np.array([-1]), "b": np.array([-1000]), "c": AXES,
                                 "d": np.array([-1])}),
    ("Clip", (7,), {"min": -0.5, "max": 0.25}, {}),
    ("LpNormalization", (7,), {"axis": 1, "p": 2}, {}),
    ("MeanVarianceNormalization", (9, 13), {"axes": [1, 2]}, {}),
    ("Gather", (11, 13), {"axis": 1}, {"i": np.array([-1, 0])}),
    ("ScatterElements", (11, 16), {"axis": 1}, {"i": np.array([[[1] * 6], [[-1] * 6]]),
                                                "u": np.ones((2, 1, 6), np.float32)}),
    ("Scatter", (9, 10), {"axis": 1}, {"i": np.array([[[1] * 6], [[0] * 6]]),
                                       "u": np.ones((2, 1, 6), np.float32)}),
    ("CumSum", (11, 14), {"reverse": 1, "exclusive": 1}, {"a": np.array(1)}),
    ("PRelu", (7, 9, 16), {}, {"s": np.linspace(0, 1, 5, dtype=np.float32)[:, None]}),
    ("Celu", (12,), {"alpha": 0.7}, {}),
    ("Mod", (10, 13), {"fmod": 1}, {"m": scalar(0.7)}),
]  # fmt: skip

POOL = {"kernel_shape": [3, 3], "strides": [2, 2]}
IMAGES: list[Form] = [
    ("Upsample", (7, 8), {"mode": "nearest", "scales": TWICE.tolist()}, {}),
    ("Upsample", (9,), {"mode": "nearest"}, {"s": TWICE}),
    ("Upsample", (9,), {"mode": "linear"}, {"s": TWICE}),
    ("Resize", (10,), {"mode": "nearest"}, {"s": TWICE}),
    ("Resize", (10,), {"mode": "linear"}, {"s": TWICE}),
    *(("AveragePool", (10, 11, 19, 22), {**POOL, "pads": [1] * 4, "count_include_pad": counted,
                                        "ceil_mode": up}, {})
      for counted in (0, 1) for up in (0, 1)),
    ("AveragePool", (7, 11), {**POOL, "auto_pad": "SAME_LOWER"}, {}),
    ("MaxPool", (7, 11, 12), {**POOL, "auto_pad": "SAME_UPPER"}, {}),
    ("MaxPool", (10, 12), {**POOL, "ceil_mode": 1}, {}),
    ("MaxPool", (10, 12), {"kernel_shape": [2, 2], "strides": [3, 3], "ceil_mode": 1}, {}),
    ("MaxPool", (10, 12), {"kernel_shape": [2, 2], "dilations": [2, 2]}, {}),
    ("LpPool", (7, 11), {"kernel_shape": [2, 2], "p": 1}, {}),
    ("ConvTranspose", (7, 11), {"strides": [2, 2], "output_padding": [1, 1], "pads": [1] * 4},
     {"w": KERNEL}),
    ("ConvTranspose", (11,), {"strides": [2, 2], "auto_pad": "SAME_UPPER"}, {"w": KERNEL}),
    ("ConvTranspose", (11,), {"strides": [2, 2], "output_shape": [12, 12]}, {"w": KERNEL}),
    ("ConvTranspose", (11,), {"strides": [2, 2], "group": 2}, {"w": KERNEL}),
    ("Conv", (7, 11), {"strides": [2, 2], "auto_pad": "SAME_LOWER", "group": 2}, {"w": KERNEL}),
    ("DepthToSpace", (7, 11), {"blocksize": 2}, {}),
    ("DepthToSpace", (11, 13), {"blocksize": 2, "mode": "CRD"}, {}),
    ("LRN", (7, 13), {"size": 3}, {}),
    ("BatchNormalization", (7, 9, 14, 15), {"epsilon": 0.1},
     {name: np.linspace(0.5, 2, 4, dtype=np.float32) for name in "abmv"}),
]  # fmt: skip


@pytest.mark.parametrize(
    ("shape", "form"),
    [(CUBE, form) for form in CUBES] + [(IMAGE, form) for form in IMAGES],
    ids=lambda value: "-".join(map(str, value[:3])) if isinstance(value[0], str) else "",
)
def test_openvino_answers_as_onnxruntime_or_refuses(
    shape: tuple[int, ...], form: Form, random: np.random.Generator
) -> None:
    kind, opsets, attributes, weights = form
    x = normal(random, *shape)
    if kind in ("ReduceLogSum", "ReduceProd"):
        x = np.abs(x) + 0.5
    outputs = ["y", "z"] if kind == "Split" else ["y"]
    node = helper.make_node(kind, ["x", *weights], outputs, **attributes)
    free = {name: (np.float32, [f"{name}{i}" for i in range(len(shape))]) for name in outputs}
    for opset in opsets:
        sizes: list[int | str] = ["N", *shape[1:]]
        model = load_model(graph([node], {"x": (np.float32, sizes)}, free, weights, opset=opset))
        with OnnxRuntime(threads=1).compile(model) as right:
            wanted = right({"x": x})
        try:
            runner = OpenVINO(threads=1).compile(model)
        except UnsupportedModel:
            continue
        with runner:
            for name, answer in runner({"x": x}).items():
                # sums of at most a few dozen numbers, in another order
                np.testing.assert_allclose(
                    answer, wanted[name], rtol=1e-3, atol=1e-4, err_msg=f"opset {opset}"
                )
