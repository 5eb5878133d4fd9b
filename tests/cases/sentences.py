"""A tokenizer of a few words, with a model of tokens."""

import json

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from tradewind.data import Tokenization
from tradewind.model import Model, Origin
from tradewind.tensors import Array

WORDS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "good", "bad", "film")

SETTINGS = json.dumps(
    {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [],
        "normalizer": {"type": "Lowercase"},
        "pre_tokenizer": {"type": "Whitespace"},
        "post_processor": {
            "type": "BertProcessing",
            "sep": ["[SEP]", 3],
            "cls": ["[CLS]", 2],
        },
        "decoder": None,
        "model": {
            "type": "WordLevel",
            "vocab": {word: number for number, word in enumerate(WORDS)},
            "unk_token": "[UNK]",
        },
    }
)
"""The content of a `tokenizer.json`: lower case, words between spaces, marks at both ends."""


def tokenization(**changes: object) -> Tokenization:
    """Return a tokenization of at most six tokens, with some settings changed."""
    given: dict[str, object] = {
        "tokenizer": SETTINGS,
        "inputs": ("input_ids", "attention_mask"),
        "max_length": 6,
        **changes,
    }
    return Tokenization(**given)  # type: ignore[arg-type]


def sentences(*texts: object) -> Array:
    """Return texts as they travel: [N] objects."""
    found = np.empty(len(texts), object)
    found[:] = texts
    return found


def opinion() -> Model:
    """scores[N, 2] = how often a sentence says "bad", and "good"; kept = what each token adds."""
    table = np.zeros((len(WORDS), 2), np.float32)
    table[WORDS.index("bad"), 0] = table[WORDS.index("good"), 1] = 1
    nodes = [
        helper.make_node("Gather", ["table", "input_ids"], ["votes"]),
        helper.make_node("Cast", ["attention_mask"], ["mask"], to=TensorProto.FLOAT),
        helper.make_node("Unsqueeze", ["mask", "last"], ["column"]),
        helper.make_node("Mul", ["votes", "column"], ["kept"]),
        helper.make_node("ReduceSum", ["kept", "middle"], ["scores"], keepdims=0),
    ]
    tokens = ["N", "tokens"]
    graph = helper.make_graph(
        nodes,
        "opinion",
        [
            helper.make_tensor_value_info("input_ids", TensorProto.INT64, tokens),
            helper.make_tensor_value_info("attention_mask", TensorProto.INT64, tokens),
        ],
        [
            helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["N", 2]),
            helper.make_tensor_value_info("kept", TensorProto.FLOAT, ["N", "tokens", 2]),
        ],
        [
            numpy_helper.from_array(table, "table"),
            numpy_helper.from_array(np.array([2]), "last"),
            numpy_helper.from_array(np.array([1]), "middle"),
        ],
    )
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return Model.from_proto(proto, Origin("onnx", "opinion.onnx"))
