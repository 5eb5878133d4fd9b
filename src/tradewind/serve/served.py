"""A model that the server answers for."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import final

from tradewind.errors import SettingError
from tradewind.runners import Runner
from tradewind.serve.sequences import Recurrence, State
from tradewind.tensors import Signature, Tensors

Scalar = str | int | float | bool
"""What the Open Inference Protocol allows as the value of a parameter."""


@final
@dataclass(frozen=True)
class ServedModel:
    """A runner with the name it is asked for by."""

    name: str
    runner: Runner
    platform: str  # such as onnx_onnxruntime or onnx_openvino
    version: str = "1"
    parameters: Mapping[str, Scalar] = field(default_factory=dict)  # shown in the metadata
    digest: str = ""  # of everything that computes; equal digests answer alike
    classes: tuple[str, ...] = ()  # the names that the first output's classes have, where known

    states: tuple[State, ...] = ()  # what it remembers within a sequence, if it is recurrent

    @cached_property
    def recurrence(self) -> Recurrence | None:
        """How it remembers; None for a model that answers each request by itself.

        Raises:
            SettingError: the states do not fit its signature, or it is a cascade.
        """
        if not self.states:
            return None
        if len(self.runner.answered) > 1:
            raise SettingError(f"model {self.name}", "one model for all steps", "a cascade")
        return Recurrence(self.runner.signature, self.states)

    def check(self) -> None:
        """Raise unless the states fit.

        Raises:
            SettingError: they do not.
        """
        _ = self.recurrence

    @cached_property
    def signature(self) -> Signature:
        """What clients send and what they are told: everything but the states."""
        return self.runner.signature if self.recurrence is None else self.recurrence.signature

    def first_step(self, inputs: Tensors) -> Tensors:
        """Return what goes into the runner for a request with which a sequence begins."""
        return inputs if self.recurrence is None else self.recurrence.first_step(inputs)

    @property
    def variant(self) -> str:
        """Which of a bundle's variants it is; empty for a model without any."""
        return str(self.parameters.get("variant", ""))
