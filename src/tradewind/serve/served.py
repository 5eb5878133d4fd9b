"""A model that the server answers for."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import final

from tradewind.runners import Runner

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

    @property
    def variant(self) -> str:
        """Which of a bundle's variants it is; empty for a model without any."""
        return str(self.parameters.get("variant", ""))
