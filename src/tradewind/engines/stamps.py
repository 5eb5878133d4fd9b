"""Graphs stamped with a newer version of ONNX than they make use of."""

import onnx

_OWN = ("", "ai.onnx")


def newer_operators(proto: onnx.ModelProto, opset: int) -> list[str]:
    """Return the operators of a graph that mean something else, or nothing, at an older `opset`.

    Those whose definition is the same in both versions of ONNX, but for element types that the
    newer one added, are none of them.
    """
    version = _opset(proto)
    if version <= opset:
        return []
    nodes = [*proto.graph.node, *(node for function in proto.functions for node in function.node)]
    own = {(function.domain, function.name) for function in proto.functions}
    kinds = {
        node.op_type
        for node in _all(nodes)
        if node.domain in _OWN and (node.domain, node.op_type) not in own
    }
    return sorted(kind for kind in kinds if not _is_same(kind, version, opset))


def restamp(proto: onnx.ModelProto, opset: int, ir_version: int) -> onnx.ModelProto:
    """Return a copy of a graph without `newer_operators`, stamped with `opset` at most.

    Args:
        proto: left as it is.
        opset: the newest version of ONNX's own operators that a runtime reads.
        ir_version: the newest version of the file format that it reads.
    """
    older = onnx.ModelProto()
    older.CopyFrom(proto)
    older.ir_version = min(proto.ir_version, ir_version)
    for stamp in _stamps(older):
        stamp.version = min(stamp.version, opset)
    return older


def _stamps(proto: onnx.ModelProto) -> list[onnx.OperatorSetIdProto]:
    given = [*proto.opset_import, *(s for f in proto.functions for s in f.opset_import)]
    return [stamp for stamp in given if stamp.domain in _OWN]


def _opset(proto: onnx.ModelProto) -> int:
    return max((stamp.version for stamp in _stamps(proto)), default=0)


def _all(nodes: list[onnx.NodeProto]) -> list[onnx.NodeProto]:
    found = list(nodes)
    for node in found:  # grows while it is walked
        for attribute in node.attribute:
            found.extend(attribute.g.node)
            for graph in attribute.graphs:
                found.extend(graph.node)
    return found


def _is_same(operator: str, newer: int, older: int) -> bool:
    try:
        now, then = (onnx.defs.get_schema(operator, version, "") for version in (newer, older))
    except onnx.defs.SchemaError:
        return False
    return now.since_version == then.since_version or _definition(now) == _definition(then)


def _definition(schema: onnx.defs.OpSchema) -> tuple[object, ...]:
    """Return all that ONNX says about an operator but its element types."""
    attributes = {
        name: (attribute.type, attribute.required, attribute.default_value.SerializeToString())
        for name, attribute in schema.attributes.items()
    }
    told = {name: attribute.description for name, attribute in schema.attributes.items()}
    ends = [(end.name, end.option, end.description) for end in (*schema.inputs, *schema.outputs)]
    return schema.doc, attributes, told, ends
