"""An ONNX graph that PyTorch computes, with gradients."""

from collections.abc import Mapping, Sequence
from typing import Any, final

import onnx_ir as ir

from tradewind.errors import EngineError, UnsupportedModel
from tradewind.interpreter.datatypes import FLOATS, Datatypes, to_array
from tradewind.interpreter.expanding import expanded, named, unknown
from tradewind.interpreter.plan import Builder, Values, planned
from tradewind.interpreter.pytorch import Tensor, torch
from tradewind.interpreter.quantizing import from_steps, spread, to_steps
from tradewind.interpreter.weights import (
    Steps,
    Weight,
    find_weights,
    limits,
    replace_tensor,
    tensor_of,
)
from tradewind.model import Model


@final
class TorchGraph:
    """A model as a function of PyTorch tensors; its weights can be trained.

    A weight that the graph keeps as whole numbers is a parameter in floating point, which is
    rounded to the graph's own steps every time it is used: training it takes the rounding into
    account, and `to_model` writes whole numbers back.

    Args:
        model: only its weights will change, and only in what `to_model` returns.
        device: where it computes, as PyTorch names it.
        float_name: the PyTorch type that all floating-point types become, such as `float64`;
            empty leaves them as they are.

    Raises:
        UnsupportedModel: an operator is missing, which it names.
        ModelError: the model is no ONNX graph.
        EngineError: PyTorch is not installed.
    """

    def __init__(self, model: Model, *, device: str = "cpu", float_name: str = "") -> None:
        whole = expanded(model)
        missing = named(unknown(whole))
        if missing:
            raise UnsupportedModel(
                model.origin.source, "operators that the interpreter knows", ", ".join(missing)
            )
        self._model = model
        self._device = device
        self._datatypes = Datatypes(float_name)
        self._constants = _constants(model.graph.graph)
        self._weights = {
            weight.name: weight
            for weight in find_weights(whole.graph)
            if weight.name in self._constants  # a function's own constants stay as they are
        }
        self.parameters: dict[str, Tensor] = {
            name: self._parameter(weight) for name, weight in self._weights.items()
        }
        self._start = {name: tensor.detach().clone() for name, tensor in self.parameters.items()}
        builder = Builder(self._datatypes, device, frozenset(self._weights))
        self._plan = planned(whole.graph, model.origin.source, whole.opset_imports, builder)
        self._types: dict[str, Any] = {
            value.name or "": self._datatypes.of(value.dtype)
            for value in whole.graph.outputs
            if value.dtype is not None and value.dtype not in FLOATS
        }

    def __call__(self, inputs: Mapping[str, Tensor], *, also: Sequence[str] = ()) -> Values:
        """Compute the outputs.

        Args:
            inputs: one tensor for every input of the model, on any device.
            also: names of inner values that are wanted too.

        Returns:
            The outputs, then the inner values, by name.

        Raises:
            EngineError: the inputs do not fit, or there is no value of a name in `also`.
        """
        values: Values = {
            spec.name: self._given(inputs, spec.name) for spec in self._model.signature.inputs
        }
        for name, weight in self._weights.items():
            parameter = self.parameters[name]
            values[name] = self._whole(weight, parameter) if weight.steps else parameter
        names = [*self._plan.outputs, *also]
        self._plan.run(values, frozenset(also))
        for name in also:
            if name not in values:
                raise EngineError(self._model.origin.source, "the name of a value", name)
        return {name: self._returned(name, values[name]) for name in names}

    def to_model(self) -> Model:
        """Return the model with the parameters as they are now; nothing else changes."""
        graph = self._model.thaw()
        constants = {value.name: value for value in _values(graph.graph)}
        with torch.no_grad():
            for name, weight in self._weights.items():
                parameter = self.parameters[name]
                if torch.equal(parameter, self._start[name]):
                    continue  # what was not trained stays as it is, bit by bit
                tensor = self._whole(weight, parameter) if weight.steps else parameter
                replace_tensor(constants[name], to_array(tensor))
        return self._model.with_graph(graph)

    def _given(self, inputs: Mapping[str, Tensor], name: str) -> Tensor:
        if name not in inputs:
            raise EngineError(self._model.origin.source, f"the input {name}", ", ".join(inputs))
        tensor = inputs[name].to(self._device)
        is_float = tensor.is_floating_point() and self._datatypes.float_name
        return tensor.to(getattr(torch, self._datatypes.float_name)) if is_float else tensor

    def _returned(self, name: str, tensor: Tensor) -> Tensor:
        """Return an output in its own type: whole numbers inside travel as floating point."""
        wanted = self._types.get(name, tensor.dtype)
        return tensor if tensor.dtype == wanted else tensor.to(wanted)

    def _parameter(self, weight: Weight) -> Tensor:
        tensor = self._constant(weight.name)
        if weight.steps:
            scale, zero = self._scaling(weight.steps, tuple(tensor.shape))
            tensor = from_steps(tensor, scale, zero)
        return tensor.to(self._device).clone().requires_grad_()

    def _whole(self, weight: Weight, parameter: Tensor) -> Tensor:
        assert weight.steps is not None
        scale, zero = self._scaling(weight.steps, tuple(parameter.shape))
        low, high = limits(self._constants[weight.name].dtype)
        return to_steps(parameter, scale, zero, low, high)

    def _scaling(self, steps: Steps, shape: tuple[int, ...]) -> tuple[Tensor, Tensor | None]:
        scale = spread(self._constant(steps.scale), shape, steps.axis, steps.block)
        if not steps.zero:
            return scale.to(self._device), None
        zero = spread(self._constant(steps.zero), shape, steps.axis, steps.block)
        return scale.to(self._device), zero.to(self._device)

    def _constant(self, name: str) -> Tensor:
        return self._datatypes.tensor(self._constants[name], name)


def _values(graph: ir.Graph) -> list[ir.Value]:
    """Return the values that have a tensor: initializers, and outputs of Constant nodes."""
    made = [value for node in graph if node.op_type == "Constant" for value in node.outputs]
    return [*graph.initializers.values(), *made]


def _constants(graph: ir.Graph) -> dict[str, ir.TensorProtocol]:
    found = {}
    for value in _values(graph):
        tensor = tensor_of(value)
        if tensor is not None:
            found[value.name or ""] = tensor
    return found
