"""Where rows without a value go in the trees of scikit-learn, which skl2onnx 1.20 leaves out."""

from typing import Any

import onnx
from onnx import helper

from tradewind.importers.columns import parts

_OPERATORS = ("TreeEnsembleRegressor", "TreeEnsembleClassifier")
_TRACKS = "nodes_missing_value_tracks_true"


def add_missing(proto: onnx.ModelProto, estimator: Any) -> None:
    """Let rows without a value follow the branch that the estimator chose for them.

    Args:
        proto: the graph, changed where it holds the trees of one estimator or forest.
        estimator: what it was made from.
    """
    nodes = [node for node in proto.graph.node if node.op_type in _OPERATORS]
    owners = [part for part in parts(estimator) if _trees(part)]
    if len(nodes) != 1 or len(owners) != 1:
        return
    trees = _trees(owners[0])
    values = {one.name: helper.get_attribute_value(one) for one in nodes[0].attribute}
    keys = list(zip(values["nodes_treeids"], values["nodes_nodeids"], strict=True))
    sizes = [int(tree.node_count) for tree in trees]
    if sorted(keys) != [(tree, node) for tree, size in enumerate(sizes) for node in range(size)]:
        return  # numbered in another way; the comparison shows what that means
    sides = [tree.missing_go_to_left for tree in trees]
    kept = [one for one in nodes[0].attribute if one.name != _TRACKS]
    del nodes[0].attribute[:]
    nodes[0].attribute.extend(kept)
    tracks = [int(sides[tree][node]) for tree, node in keys]
    nodes[0].attribute.append(helper.make_attribute(_TRACKS, tracks))


def _trees(part: Any) -> list[Any]:
    """Return the trees of an estimator; none of others that hold none or are made of rounds."""
    if hasattr(part, "tree_"):
        return [part.tree_]
    members = getattr(part, "estimators_", None)
    if isinstance(members, list) and members and all(hasattr(one, "tree_") for one in members):
        is_forest = hasattr(part, "estimator_") and type(part).__name__.endswith(
            ("ForestClassifier", "ForestRegressor", "TreesClassifier", "TreesRegressor")
        )
        return [one.tree_ for one in members] if is_forest else []
    return []
