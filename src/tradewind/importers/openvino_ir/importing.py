"""From an OpenVINO graph to a model that answers like it."""

from collections.abc import Mapping, Sequence
from typing import Any, final

import numpy as np
import onnx
import openvino as ov

from tradewind.engines.openvino import core
from tradewind.errors import ModelError
from tradewind.importers.metadata import NOTE, add_metadata
from tradewind.importers.onnx import freeze
from tradewind.importers.openvino_ir.converting import to_onnx
from tradewind.importers.openvino_ir.writing import key_of
from tradewind.importers.original import Original
from tradewind.importers.parity import Tolerance, check_parity
from tradewind.importers.probes import Range, probes
from tradewind.model import Model, Origin
from tradewind.tensors import Array, Tensors

FLOATS = Tolerance(error=5e-4)
"""OpenVINO adds in other orders, which shows where large numbers cancel."""

LEVELS = Tolerance(error=0.25, differing=0.05)
"""For quantized activations: a sum on the other side of a half moves everything after it by steps,
so that two runtimes part, and OpenVINO's own two ways of computing do."""

COMPRESSED = Tolerance(error=0.02, differing=0.05)
"""For compressed weights, which OpenVINO's kernels round once more."""

_EXACT = {
    "INFERENCE_PRECISION_HINT": "f32",
    "INFERENCE_NUM_THREADS": 1,
    "LP_TRANSFORMS_MODE": "NO",  # the formula of the graph, not the kernels for integers
}
_UNGROUPED = {**_EXACT, "DYNAMIC_QUANTIZATION_GROUP_SIZE": 0}


@final
class OpenVinoOriginal(Original):
    """A graph as OpenVINO runs it.

    Args:
        graph: as it was read.
        names: of the outputs, in order.
        by_name: OpenVINO's outputs by their names in the ONNX graph.
        properties: of the compilation.
        where: the file.
    """

    def __init__(
        self,
        graph: ov.Model,
        names: Sequence[str],
        by_name: Mapping[str, Any],
        properties: Mapping[str, Any],
        where: str,
    ) -> None:
        self._graph = graph
        self._names = names
        self._by_name = by_name
        self._properties = dict(properties)
        self._where = where
        self._inputs = [name for name, output in by_name.items() if _is_parameter(output)]
        self._compiled: Any = None

    def answer(self, inputs: Tensors) -> dict[str, Array]:
        if self._compiled is None:
            self._compiled = self._compile(self._graph)
        return self._run(self._compiled, self._graph, inputs, self._names)

    def inside(self, inputs: Tensors, names: Sequence[str]) -> dict[str, Array]:
        known = [name for name in names if name in self._by_name]
        wider = ov.Model([self._by_name[name] for name in known], self._graph.get_parameters())
        return self._run(self._compile(wider), wider, inputs, known)

    def _compile(self, graph: ov.Model) -> Any:
        for node in graph.get_ordered_ops():
            if node.get_type_name() == "TopK" and "stable" in node.get_attributes():
                node.set_attribute("stable", True)  # the first of equal elements, as in ONNX
        try:
            return core().compile_model(graph, "CPU", self._properties)
        except RuntimeError as error:
            raise self._failed("a graph that OpenVINO can run", error) from error

    def _run(
        self, compiled: Any, graph: ov.Model, inputs: Tensors, names: Sequence[str]
    ) -> dict[str, Array]:
        ports = [key_of(parameter.output(0)) for parameter in graph.get_parameters()]
        named = {key_of(self._by_name[name]): name for name in self._inputs}
        request = compiled.create_infer_request()
        try:
            for index, key in enumerate(ports):
                request.set_input_tensor(index, ov.Tensor(np.ascontiguousarray(inputs[named[key]])))
            request.infer()
        except RuntimeError as error:
            raise self._failed("an answer", error) from error
        return {
            name: np.array(request.get_output_tensor(index).data)
            for index, name in enumerate(names)
        }

    def _failed(self, expected: str, error: Exception) -> ModelError:
        lines = [line for line in str(error).splitlines() if line.strip()]
        return ModelError(self._where, expected, (lines or ["none"])[-1][:300])


def _is_parameter(output: Any) -> bool:
    return bool(output.get_node().get_type_name() == "Parameter")


def import_graph(graph: ov.Model, framework: str, where: str) -> Model:
    """Rewrite a graph as ONNX and compare the two.

    Args:
        graph: as OpenVINO read it.
        framework: what it was read from.
        where: the file.

    Raises:
        ModelError: ONNX lacks one of its operators, or the two answer differently.
    """
    proto, by_name = to_onnx(graph, where)
    tolerance, properties = _judgement(graph)
    notes = _notes(proto, tolerance)
    if notes:
        add_metadata(proto, NOTE, notes)
    model = freeze(proto, Origin(framework, where))
    names = [spec.name for spec in model.signature.outputs]
    original = OpenVinoOriginal(graph, names, by_name, properties, where)
    asked = probes(model.signature, ranges=_ranges(graph, by_name))
    if tolerance is not FLOATS:  # where everything is clipped, or nothing is, less can differ
        asked = [question for index, question in enumerate(asked) if index % 4 in (0, 2)]
    return check_parity(model, original, tolerance=tolerance, questions=asked)


def _judgement(graph: ov.Model) -> tuple[Tolerance, Mapping[str, Any]]:
    """Return what counts as the same answer, with how to compile the original."""
    kinds = [str(node.get_type_name()) for node in graph.get_ordered_ops()]
    if "FakeQuantize" in kinds:
        return LEVELS, _EXACT
    for node in graph.get_ordered_ops():
        narrow = str(node.get_output_element_type(0).get_type_name()) if node.outputs() else ""
        if node.get_type_name() == "Constant" and narrow in ("i8", "u8", "i4", "u4"):
            return COMPRESSED, _UNGROUPED
    return FLOATS, _EXACT


def _notes(proto: onnx.ModelProto, tolerance: Tolerance) -> str:
    found = []
    if tolerance is LEVELS:
        found.append("quantized: runtimes round the same sums to different steps.")
    for value in proto.graph.input:
        shape = value.type.tensor_type.shape.dim
        if shape and shape[0].HasField("dim_value"):
            found.append(f"the file fixes the first dimension of {value.name}.")
    return " ".join(found)


_PASSING = ("Convert", "Reshape", "Squeeze", "Unsqueeze")


def _ranges(graph: ov.Model, by_name: Mapping[str, Any]) -> dict[str, Range]:
    """Return the numbers that make sense of inputs that pick rows from a table."""
    found = {}
    for parameter in graph.get_parameters():
        if not parameter.get_output_element_type(0).is_integral():
            continue
        rows = _rows(parameter.output(0))
        if rows:
            name = next(n for n, o in by_name.items() if key_of(o) == key_of(parameter.output(0)))
            found[name] = Range(0, min(rows) - 1)
    return found


def _rows(output: Any, depth: int = 0) -> list[int]:
    """Return how many rows the tables have that an output picks from."""
    found = []
    for target in output.get_target_inputs():
        node = target.get_node()
        if node.get_type_name() == "Gather" and target.get_index() == 1:
            table = node.get_input_partial_shape(0)
            axis = node.input_value(2).get_node()
            if table.rank.is_static and axis.get_type_name() == "Constant":
                size = table[int(axis.data.item())]
                found += [] if size.is_dynamic else [size.get_length()]
        elif node.get_type_name() in _PASSING and target.get_index() == 0 and depth < 4:
            found += _rows(node.output(0), depth + 1)
    return found
