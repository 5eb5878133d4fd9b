"""Functions that an ONNX file defines itself, written out where they are called."""

from collections.abc import Iterable, Iterator

import onnx
import onnx.inliner

from tradewind.errors import ModelError

MAX_NODES = 1_000_000
"""Functions that call functions grow exponentially; no model that was trained comes near."""

_Key = tuple[str, str, str]


def check_functions(proto: onnx.ModelProto, where: str) -> None:
    """Raise unless the functions can be written out; to be called before anything looks inside.

    Raises:
        ModelError: a function calls itself, or the whole is too large.
    """
    count = _Sizes(proto.functions, where).of(proto.graph.node) if proto.functions else 0
    if count > MAX_NODES:
        raise ModelError(where, f"at most {MAX_NODES:,} nodes", f"{count:,}, in its functions")


def write_out_functions(proto: onnx.ModelProto) -> onnx.ModelProto:
    """Return the model with the bodies of its functions in place of the calls.

    Not every engine knows functions, and no pass has to.

    Args:
        proto: with functions that were checked; left as it is.
    """
    return onnx.inliner.inline_local_functions(proto) if proto.functions else proto


def all_nodes(nodes: Iterable[onnx.NodeProto]) -> Iterator[onnx.NodeProto]:
    """Yield nodes with those inside of them."""
    for node in nodes:
        yield node
        for attribute in node.attribute:
            if attribute.HasField("g"):
                yield from all_nodes(attribute.g.node)
            for inner in attribute.graphs:
                yield from all_nodes(inner.node)


class _Sizes:
    """How many nodes each function comes to once everything in it is written out."""

    def __init__(self, functions: Iterable[onnx.FunctionProto], where: str) -> None:
        self._functions = {(f.domain, f.name, f.overload): f for f in functions}
        self._where = where
        self._known: dict[_Key, int] = {}
        self._open: list[_Key] = []  # those that are being counted

    def of(self, nodes: Iterable[onnx.NodeProto]) -> int:
        """Return the number of nodes."""
        return sum(self._one((n.domain, n.op_type, n.overload)) for n in all_nodes(nodes))

    def _one(self, key: _Key) -> int:
        if key not in self._functions:
            return 1
        if key in self._open or len(self._open) > _MAX_DEPTH:
            name = f"{self._where}: {key[0]}.{key[1]}"
            raise ModelError(name, "functions that do not call themselves", "one that does")
        if key not in self._known:
            self._open.append(key)
            self._known[key] = self.of(self._functions[key].node)
            self._open.pop()
        return self._known[key]


_MAX_DEPTH = 200
