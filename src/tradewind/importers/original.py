"""The trained model as its own framework runs it."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import final

from tradewind.errors import ModelError
from tradewind.tensors import Array, Tensors


class Original(ABC):
    """A trained model in its own framework, asked for answers to compare the import with."""

    @abstractmethod
    def answer(self, inputs: Tensors) -> dict[str, Array]:
        """Return what the framework answers, by the names of the graph's outputs.

        Raises:
            ModelError: the framework cannot answer.
        """

    def inside(self, inputs: Tensors, names: Sequence[str]) -> dict[str, Array]:
        """Return tensors inside the model, those of `names` that the framework knows.

        They tell which operator of an import differs first.
        """
        return {}


@final
@dataclass(frozen=True)
class InMemory(Original):
    """A model that lives in this process.

    Args:
        function: answers as `Original.answer` does.
    """

    function: Callable[[Tensors], dict[str, Array]]

    def answer(self, inputs: Tensors) -> dict[str, Array]:
        return self.function(inputs)


@final
@dataclass(frozen=True)
class ByPosition(Original):
    """An original whose outputs are called as the graph calls them.

    Args:
        inner: gives the same outputs in the same order under other names.
        names: of the graph's outputs.
    """

    inner: Original
    names: tuple[str, ...]

    def answer(self, inputs: Tensors) -> dict[str, Array]:
        found = list(self.inner.answer(inputs).values())
        if len(found) != len(self.names):
            hint = "export it to ONNX in another way."
            expected = f"{len(self.names)} outputs"
            raise ModelError("the original", expected, str(len(found)), hint)
        return dict(zip(self.names, found, strict=True))
