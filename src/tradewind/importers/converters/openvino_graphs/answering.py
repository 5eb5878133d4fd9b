"""What OpenVINO itself answers, the tensors inside a graph included."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
import openvino as ov

from .converting import to_onnx
from .writing import Array, key_of

Arrays = Mapping[str, Any]

_EXACT = {
    "INFERENCE_PRECISION_HINT": "f32",
    "INFERENCE_NUM_THREADS": 1,
    "LP_TRANSFORMS_MODE": "NO",  # the formula of the graph, not the kernels for integers
}
_UNGROUPED = {**_EXACT, "DYNAMIC_QUANTIZATION_GROUP_SIZE": 0}

_NARROW = ("i8", "u8", "i4", "u4")


class Answering:
    """A graph with its rewriting, which answers as OpenVINO does.

    Args:
        graph: as it was read; where elements are equal, TopK takes the first from now on.
    """

    def __init__(self, graph: ov.Model) -> None:
        self._graph = graph
        self.proto: onnx.ModelProto
        self.proto, self._by_name = to_onnx(graph)
        self.kind = _kind(graph)
        self._properties = _UNGROUPED if self.kind == "compressed" else _EXACT
        self._inputs = {
            key_of(output): name
            for name, output in self._by_name.items()
            if output.get_node().get_type_name() == "Parameter"
        }
        self._compiled: Any = None

    def __call__(self, inputs: Arrays, inside: Sequence[str]) -> dict[str, Array]:
        """Return the outputs by their names in ONNX, with tensors inside that have such names."""
        outputs = [output.name for output in self.proto.graph.output]
        if self._compiled is None:
            self._compiled = self._compile(self._graph)
        found = self._run(self._compiled, self._graph, inputs, outputs)
        known = [name for name in inside if name in self._by_name and name not in outputs]
        if known:
            wider = ov.Model([self._by_name[name] for name in known], self._graph.get_parameters())
            found.update(self._run(self._compile(wider), wider, inputs, known))
        return found

    def _compile(self, graph: ov.Model) -> Any:
        for node in graph.get_ordered_ops():
            if node.get_type_name() == "TopK" and "stable" in node.get_attributes():
                node.set_attribute("stable", True)  # the first of equal elements, as in ONNX
        return ov.Core().compile_model(graph, "CPU", self._properties)

    def _run(
        self, compiled: Any, graph: ov.Model, inputs: Arrays, names: Sequence[str]
    ) -> dict[str, Array]:
        request = compiled.create_infer_request()
        for index, parameter in enumerate(graph.get_parameters()):
            array = inputs[self._inputs[key_of(parameter.output(0))]]
            request.set_input_tensor(index, ov.Tensor(np.ascontiguousarray(array)))
        request.infer()
        return {
            name: np.array(request.get_output_tensor(index).data)
            for index, name in enumerate(names)
        }


def _kind(graph: ov.Model) -> str:
    """Return whether a graph holds plain floats, compressed weights, or levels everywhere."""
    nodes = list(graph.get_ordered_ops())
    if any(node.get_type_name() == "FakeQuantize" for node in nodes):
        return "levels"
    types = {
        str(node.get_output_element_type(0).get_type_name())
        for node in nodes
        if node.get_type_name() == "Constant"
    }
    return "compressed" if types.intersection(_NARROW) else "floats"
