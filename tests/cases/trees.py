"""Forests whose nodes are drawn at random."""

from dataclasses import replace

import numpy as np
import onnx

from tradewind.importers.forests.forest import LEAF, Comparison, Feature, Forest, Tree
from tradewind.importers.forests.writing import write
from tradewind.tensors import Array

PROTOCOLS = ("tcp", "udp", "icmp")


def draw_forest(
    random: np.random.Generator,
    *,
    trees: int = 20,
    depth: int = 5,
    features: int = 4,
    outputs: int = 1,
    width: int = 1,
    comparison: Comparison = "<",
    has_sets: bool = False,
) -> Forest:
    """Return a forest; with sets the last feature is a category of ten."""
    grown = tuple(
        _tree(random, depth, features, width, number % (outputs - width + 1), has_sets=has_sets)
        for number in range(trees)
    )
    columns = [Feature(f"x{number}") for number in range(features)]
    if has_sets:
        columns[-1] = Feature(f"x{features - 1}", None, "down")
    return Forest(tuple(columns), grown, comparison, random.normal(size=outputs))


def _tree(
    random: np.random.Generator,
    depth: int,
    features: int,
    width: int,
    target: int,
    *,
    has_sets: bool,
) -> Tree:
    nodes: list[tuple[int, int, int]] = []  # feature, yes, no
    sets: dict[int, Array] = {}

    def grow(left: int) -> int:
        here = len(nodes)
        nodes.append((LEAF, 0, 0))
        if left and random.random() < 0.9:
            feature = int(random.integers(features))
            if has_sets and feature == features - 1:
                sets[here] = np.flatnonzero(random.random(10) < 0.4)
            yes = grow(left - 1)
            nodes[here] = (feature, yes, grow(left - 1))
        return here

    grow(depth)
    feature, yes, no = np.array(nodes, np.int64).T
    count = len(nodes)
    leaf = np.where((feature == LEAF)[:, None], random.normal(size=(count, width)), 0)
    threshold = random.normal(size=count).astype(np.float32)
    return Tree(feature, threshold, yes, no, random.random(count) < 0.5, leaf, target, sets)


def forest(random: np.random.Generator) -> onnx.ModelProto:
    """Return trees whose leaves add to three outputs each."""
    return write(draw_forest(random, outputs=3, width=3, comparison="<="))


def boosted_classes(random: np.random.Generator) -> onnx.ModelProto:
    """Return a classifier of columns, one of which is a text."""
    drawn = draw_forest(random, outputs=3)
    features = (*drawn.features[:-1], Feature("protocol", PROTOCOLS))
    return write(replace(drawn, features=features, link="softmax", classes=("a", "b", "c")))


def draw_columns(random: np.random.Generator, examples: int) -> dict[str, Array]:
    """Return inputs of `boosted_classes`."""
    numbers = random.normal(size=(examples, 3)).astype(np.float32)
    inputs: dict[str, Array] = {f"x{column}": numbers[:, [column]] for column in range(3)}
    texts = np.array([*PROTOCOLS, "never seen"], object)
    return inputs | {"protocol": random.choice(texts, (examples, 1))}
