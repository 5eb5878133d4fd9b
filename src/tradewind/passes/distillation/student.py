"""A graph that learns, with all that its learning leaves behind."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal, final

import numpy as np

from tradewind.interpreter import TorchGraph
from tradewind.interpreter.pytorch import Tensor, torch
from tradewind.passes.distillation.pace import Pace
from tradewind.passes.distillation.targets import Target, total_loss
from tradewind.passes.distillation.unfolding import Unfolded
from tradewind.tensors import Array, Tensors

Optimizer = Literal["adamw", "sgd"]

Weights = dict[str, dict[str, Tensor]]
"""Parameters by name: those that answer, and those that learn."""


@final
class Student:
    """One graph in training.

    Args:
        graph: what answers in the end.
        device: where it computes.
        optimizer: how they are changed.
        targets: what is learned.
        features: inner values that are learned too.
        temperature: of the loss.
        unfolded: how it learns; None where that is the graph itself.
    """

    def __init__(
        self,
        graph: TorchGraph,
        device: str,
        optimizer: Optimizer,
        targets: Mapping[str, Target],
        features: Mapping[str, Target],
        temperature: float,
        unfolded: Unfolded | None = None,
    ) -> None:
        self.graph = graph
        self._unfolded = unfolded
        self._learning = unfolded.graph if unfolded else graph
        self._device = device
        self._targets = targets
        self._features = features
        self._temperature = temperature
        for parameter in self._learning.parameters.values():
            if parameter.dim() == 4:  # images lie with their channels last, which is faster
                parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)
        weights = list(self._learning.parameters.values())
        self._optimizer: Any = (
            torch.optim.AdamW(weights, weight_decay=0.0)
            if optimizer == "adamw"
            else torch.optim.SGD(weights, momentum=0.9, nesterov=True, lr=0.1)
        )

    def loss(self, inputs: Tensors, wanted: Tensors, pace: Pace) -> Tensor:
        """Return the loss of a batch, from which gradients can be computed."""
        with pace.precision(self._device):
            answers = self._learning(self.given(inputs), also=list(self._features))
        learned = {**self._targets, **self._features}
        return total_loss(learned, answers, wanted, self._temperature)

    def learn(self, batches: list[tuple[Tensors, Tensors]], rate: float, pace: Pace) -> bool:
        """Take one step on the mean loss of some batches; say whether it was finite.

        A step whose gradients are not finite is not taken.
        """
        self._optimizer.zero_grad()
        for inputs, wanted in batches:
            (self.loss(inputs, wanted, pace) / len(batches)).backward()
        weights = list(self._learning.parameters.values())
        size = torch.nn.utils.clip_grad_norm_(weights, _MAX_GRADIENT)
        if not bool(torch.isfinite(size)):
            return False
        for group in self._optimizer.param_groups:
            group["lr"] = rate
        self._optimizer.step()
        return True

    @property
    def is_normalized(self) -> bool:
        """Whether what it computes is normalized while it learns."""
        return self._unfolded is not None

    def settle(self, examples: Iterable[Tensors]) -> None:
        """Let the graph answer by what was learned until now.

        Args:
            examples: batches that are like those to be answered.
        """
        if self._unfolded is not None:
            self._unfolded.fold(self.given(inputs) for inputs in examples)

    def answers(self, inputs: Tensors) -> dict[str, Array]:
        """Return the answers as they will be given: without lower precision."""
        with torch.no_grad():
            found = self.graph(self.given(inputs))
        return {name: found[name].float().cpu().numpy() for name in self._targets}

    def weights(self) -> Weights:
        """Return a copy of all parameters, as they are since it last settled."""
        answering = _copied(self.graph)
        learning = answering if self._unfolded is None else _copied(self._learning)
        return {"answering": answering, "learning": learning}

    def restore(self, weights: Weights) -> None:
        """Set the parameters with which the graph answers."""
        _set(self.graph, weights["answering"])

    def go_back(self, weights: Weights) -> None:
        """Learn on from earlier parameters, and forget where learning was going."""
        _set(self._learning, weights["learning"])
        self._optimizer.state.clear()

    @property
    def learned(self) -> dict[str, Tensor]:
        """The parameters that are changed, by name."""
        return self._learning.parameters

    def save(self, path: Path, key: str, more: Mapping[str, object]) -> None:
        """Write everything that is needed to go on, in one piece or not at all."""
        state = {
            "weights": _copied(self._learning),
            "optimizer": self._optimizer.state_dict(),
            "key": key,
        }
        partial = path.with_name(path.name + ".partial")
        torch.save({**state, **more}, partial)
        partial.replace(path)

    def load(self, path: Path, key: str) -> dict[str, Any] | None:
        """Take over what `save` wrote under the same key, and return what was added to it.

        Returns:
            None where the file belongs to something else, or is damaged.
        """
        try:
            # only tensors and plain values: a file of somebody else's runs no code
            state: dict[str, Any] = torch.load(path, weights_only=True, map_location=self._device)
        except Exception:  # whatever reading a damaged archive raises
            return None
        if not isinstance(state, dict) or state.get("key") != key:
            return None
        _set(self._learning, state["weights"])
        self._optimizer.load_state_dict(state["optimizer"])
        return state

    def given(self, inputs: Tensors) -> dict[str, Tensor]:
        """Return inputs as the graph takes them."""
        found = {}
        for name, array in inputs.items():
            tensor = torch.from_numpy(np.asarray(array)).to(self._device)
            if tensor.dim() == 4:
                tensor = tensor.contiguous(memory_format=torch.channels_last)
            found[name] = tensor
        return found


def _copied(graph: TorchGraph) -> dict[str, Tensor]:
    return {name: one.detach().clone() for name, one in graph.parameters.items()}


def _set(graph: TorchGraph, weights: Mapping[str, Tensor]) -> None:
    with torch.no_grad():
        for name, parameter in graph.parameters.items():
            parameter.copy_(weights[name])


_MAX_GRADIENT = 5.0
"""Norm above which gradients are scaled down to it."""
