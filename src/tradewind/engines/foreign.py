"""Operators that are none of ONNX's own, and which runtime they belong to."""

from tradewind.model import Model

_OWNERS = {
    "com.microsoft": "onnxruntime",
    "com.microsoft.nchwc": "onnxruntime",
    "com.ms.internal.nhwc": "onnxruntime",
    "org.openvinotoolkit": "openvino",
}
_ONNX = ("", "ai.onnx", "ai.onnx.ml")


def hint_about_foreign(model: Model, engine: str) -> str:
    """Return what to do about operators that are not ONNX's own; empty where there are none.

    Args:
        model: what an engine has refused.
        engine: the name of that engine.
    """
    domains = {node.domain for node in model.graph.graph.all_nodes()} - set(_ONNX)
    domains -= {function.domain for function in model.graph.functions.values()}
    nobodys = sorted(domain for domain in domains if domain not in _OWNERS)
    if nobodys:
        return f"no engine has the operators of {nobodys[0]!r}; export the model without them."
    for domain in sorted(domains):
        owner = _OWNERS[domain]
        if owner != engine:
            return f"the operators of {domain!r} belong to the engine `{owner}`."
    return "upgrade it, or export the model without operators of its own." if domains else ""
