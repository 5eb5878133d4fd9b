"""Models with something unusual about what goes in, comes out or lies between."""

import numpy as np
import onnx
from onnx import TensorProto, helper
from tests.cases.building import graph, normal, scalar, values, weight
from tests.cases.networks import dense

from tradewind.tensors import Array


def several(random: np.random.Generator) -> onnx.ModelProto:
    """Inputs named like arguments of functions that write files; one of them is a scalar."""
    return graph(
        [
            helper.make_node("MatMul", ["file", "w"], ["m"]),
            helper.make_node("Mul", ["m", "serving/scale:0"], ["s"]),
            helper.make_node("Add", ["s", "allow_pickle"], ["sum"]),
            helper.make_node("Sub", ["s", "allow_pickle"], ["difference.npy"]),
        ],
        {
            "file": (np.float32, ("N", 4)),
            "allow_pickle": (np.float32, ("N", 3)),
            "serving/scale:0": (np.float32, ()),
        },
        {"sum": (np.float32, ("N", 3)), "difference.npy": (np.float32, ("N", 3))},
        {"w": weight(random, 4, 3)},
    )


def draw_several(random: np.random.Generator, examples: int) -> dict[str, Array]:
    return {
        "file": normal(random, examples, 4),
        "allow_pickle": normal(random, examples, 3),
        "serving/scale:0": np.array(2.5, np.float32),
    }


def pixels(random: np.random.Generator) -> onnx.ModelProto:
    """Takes bytes, answers with truth values and the classes beside the scores."""
    return graph(
        [
            helper.make_node("Cast", ["image"], ["f"], to=TensorProto.FLOAT),
            helper.make_node("Div", ["f", "scale"], ["d"]),
            helper.make_node("Transpose", ["d"], ["t"], perm=[0, 3, 1, 2]),
            helper.make_node("Conv", ["t", "k"], ["c"]),
            helper.make_node("ReduceMean", ["c"], ["scores"], axes=[2, 3], keepdims=0),
            helper.make_node("Greater", ["scores", "zero"], ["is_present"]),
            helper.make_node("ArgMax", ["scores"], ["class"], axis=1, keepdims=0),
        ],
        {"image": (np.uint8, ("N", 6, 6, 3))},
        {
            "scores": (np.float32, ("N", 4)),
            "is_present": (np.bool_, ("N", 4)),
            "class": (np.int64, ("N",)),
        },
        {
            "k": weight(random, 4, 3, 3, 3), "scale": scalar(255),
            "zero": scalar(0),
        },
    )  # fmt: skip


def opset11(random: np.random.Generator) -> onnx.ModelProto:
    """Axes in attributes, a flattening Softmax, a Dropout that does nothing."""
    return graph(
        [
            helper.make_node("Conv", ["image", "k", "b"], ["c"]),
            helper.make_node("Relu", ["c"], ["r"]),
            helper.make_node("ReduceMean", ["r"], ["m"], axes=[2], keepdims=1),
            helper.make_node("Squeeze", ["m"], ["s"], axes=[2]),
            helper.make_node("Dropout", ["s"], ["d"], ratio=0.5),
            helper.make_node("Flatten", ["d"], ["f"]),
            helper.make_node("Gemm", ["f", "w"], ["g"]),
            helper.make_node("Softmax", ["g"], ["shares"], axis=1),
        ],
        {"image": (np.float32, ("N", 1, 6, 6))},
        {"shares": (np.float32, ("N", 4))},
        {
            "k": weight(random, 3, 1, 3, 3), "b": normal(random, 3),
            "w": weight(random, 12, 4),
        },
        opset=11,
    )  # fmt: skip


def listed(random: np.random.Generator) -> onnx.ModelProto:
    """Weights among the inputs, as every file before IR version 4 has them."""
    proto = dense(random)
    proto.ir_version = 3
    proto.graph.input.extend(
        helper.make_tensor_value_info(tensor.name, tensor.data_type, list(tensor.dims))
        for tensor in proto.graph.initializer
    )
    return proto


def pooled(random: np.random.Generator) -> onnx.ModelProto:
    """An int8 model as quantizers leave it, which ends in a mean over time."""
    return graph(
        [
            helper.make_node("QuantizeLinear", ["x", "scale", "zero"], ["q"]),
            helper.make_node("DequantizeLinear", ["q", "scale", "zero"], ["d"]),
            helper.make_node("DequantizeLinear", ["w8", "w_scale", "zero"], ["w"]),
            helper.make_node("MatMul", ["d", "w"], ["m"]),
            helper.make_node("QuantizeLinear", ["m", "scale", "zero"], ["mq"]),
            helper.make_node("DequantizeLinear", ["mq", "scale", "zero"], ["md"]),
            helper.make_node("ReduceMean", ["md", "time"], ["logits"], keepdims=0),
        ],
        {"x": (np.float32, ("N", 6, 8))},
        {"logits": (np.float32, ("N", 4))},
        {
            "scale": scalar(4 / 127), "zero": scalar(0, np.int8),
            # of seven bits: sums of wider ones saturate on some processors, and differ there
            "w8": random.integers(-63, 64, (8, 4)).astype(np.int8),
            "w_scale": scalar(0.5 / 63), "time": np.array([1]),
        },
        opset=19,
    )  # fmt: skip


def half(random: np.random.Generator) -> onnx.ModelProto:
    return graph(
        [
            helper.make_node("MatMul", ["x", "w"], ["h"]),
            helper.make_node("Relu", ["h"], ["y"]),
        ],
        {"x": (np.float16, ("N", 8))},
        {"y": (np.float16, ("N", 4))},
        {"w": weight(random, 8, 4).astype(np.float16)},
    )


def double(random: np.random.Generator) -> onnx.ModelProto:
    return graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"])],
        {"x": (np.float64, ("N", 8))},
        {"y": (np.float64, ("N", 4))},
        {"w": random.standard_normal((8, 4))},
    )


def through(random: np.random.Generator) -> onnx.ModelProto:
    """One input is ignored, one comes out as it went in, one output is always the same."""
    return graph(
        [
            helper.make_node("Identity", ["x"], ["same"]),
            helper.make_node("Identity", ["w"], ["constant"]),
        ],
        {"x": (np.float32, ("N", 3)), "ignored": (np.int32, ("N",))},
        {"same": (np.float32, ("N", 3)), "constant": (np.float32, (3, 2))},
        {"w": weight(random, 3, 2)},
    )


def draw_through(random: np.random.Generator, examples: int) -> dict[str, Array]:
    return {
        "x": normal(random, examples, 3),
        "ignored": random.integers(0, 9, examples).astype(np.int32),
    }


def branch(random: np.random.Generator) -> onnx.ModelProto:
    """Both branches use weights of the graph around them."""
    branches = [
        helper.make_graph(
            [helper.make_node("MatMul", ["x", f"w{side}"], [f"y{side}"])],
            side, [], values({f"y{side}": (np.float32, ("N", 2))}),
        )
        for side in ("then", "else")
    ]  # fmt: skip
    return graph(
        [
            helper.make_node(
                "If", ["is_left"], ["y"], then_branch=branches[0], else_branch=branches[1]
            ),
        ],
        {"x": (np.float32, ("N", 4)), "is_left": (np.bool_, ())},
        {"y": (np.float32, ("N", 2))},
        {"wthen": weight(random, 4, 2), "welse": weight(random, 4, 2)},
    )


def draw_branch(random: np.random.Generator, examples: int) -> dict[str, Array]:
    return {"x": normal(random, examples, 4), "is_left": np.array(random.integers(2) == 0)}


def encoder(random: np.random.Generator) -> onnx.ModelProto:
    """Takes strings, as a table's columns of words arrive."""
    codes = random.permutation(3)
    return graph(
        [
            helper.make_node(
                "LabelEncoder", ["city"], ["code"], domain="ai.onnx.ml",
                keys_strings=["Bergen", "Ålesund", "日本"], values_int64s=codes.tolist(),
                default_int64=-1,
            ),
            helper.make_node("Identity", ["city"], ["copy"]),
        ],
        {"city": (object, ("N",))},
        {"code": (np.int64, ("N",)), "copy": (object, ("N",))},
        {},
        ml=True,
    )  # fmt: skip


def draw_words(random: np.random.Generator, examples: int) -> dict[str, Array]:
    words = np.array(["Bergen", "Ålesund", "日本", "", "nowhere"], object)
    return {"city": words[random.integers(0, len(words), examples)]}


def tree(random: np.random.Generator) -> onnx.ModelProto:
    """One split, two leaves, classes with names."""
    split = float(random.uniform(-0.5, 0.5))
    return graph(
        [
            helper.make_node(
                "TreeEnsembleClassifier", ["x"], ["label", "probabilities"],
                domain="ai.onnx.ml", classlabels_strings=["ham", "news", "spam"],
                nodes_treeids=[0, 0, 0], nodes_nodeids=[0, 1, 2], nodes_featureids=[1, 0, 0],
                nodes_modes=["BRANCH_LEQ", "LEAF", "LEAF"], nodes_values=[split, 0.0, 0.0],
                nodes_truenodeids=[1, 0, 0], nodes_falsenodeids=[2, 0, 0],
                class_treeids=[0] * 6, class_nodeids=[1, 1, 1, 2, 2, 2],
                class_ids=[0, 1, 2] * 2, class_weights=[0.7, 0.2, 0.1, 0.1, 0.3, 0.6],
                post_transform="NONE",
            ),
        ],
        {"x": (np.float32, ("N", 3))},
        {"label": (object, ("N",)), "probabilities": (np.float32, ("N", 3))},
        {},
        ml=True,
    )  # fmt: skip
