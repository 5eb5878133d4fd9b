"""The one interface of every change to a model."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from tradewind.model import Model
from tradewind.tensors import Array


@dataclass(frozen=True)
class Needs:
    """What must be observed before a pass can be applied."""

    examples: int = 0  # real inputs to run through the model; 0 when none are looked at


@dataclass(frozen=True)
class Observed:
    """Real inputs, as many as the pass asked for or as many as there are.

    Args:
        inputs: one array for every input of the model, [examples, ...] each; a scalar holds
            for all examples.
        original: what the model was made from; None where a pass needs it not.
    """

    inputs: dict[str, Array]
    original: Model | None = None

    def __len__(self) -> int:
        return next((len(array) for array in self.inputs.values() if array.ndim), 0)

    def batches(self, size: int) -> Iterator[dict[str, Array]]:
        """Yield the examples in order, `size` at a time; the last batch may be smaller."""
        for start in range(0, len(self), size):
            yield {
                name: array[start : start + size] if array.ndim else array
                for name, array in self.inputs.items()
            }

    def full_batches(self, size: int) -> list[dict[str, Array]]:
        """Return the batches of exactly `size` examples; those left over are not among them."""
        whole = len(self) // size
        return [batch for batch, _ in zip(self.batches(size), range(whole), strict=False)]


@dataclass(frozen=True)
class Change:
    """The new model with what was done to it."""

    model: Model
    summary: str  # one line for a person: what changed, how often


@dataclass(frozen=True)
class Pass(ABC):
    """One change to a model; children are final, frozen dataclasses whose fields are settings."""

    name: ClassVar[str]
    is_lossless: ClassVar[bool]
    """Whether the answers must stay equal up to rounding."""
    loads: ClassVar[tuple[str, ...]] = ()
    """Packages that it imports itself, because that takes long."""

    @abstractmethod
    def needs(self, model: Model) -> Needs:
        """Say what must be observed first; touch nothing."""

    @abstractmethod
    def apply(self, model: Model, seen: Observed) -> Change:
        """Return the new model with what changed; `model` itself stays as it was.

        Raises:
            PassError: the pass does not fit this model, or it failed.
        """

    @property
    @abstractmethod
    def label(self) -> str:
        """The pass with every setting that is not the default; no two settings share one."""
