"""The one interface of every model format."""

from abc import ABC, abstractmethod
from typing import ClassVar

from tradewind.model import Model


class Importer(ABC):
    """One format that models come in; children are final, frozen dataclasses."""

    name: ClassVar[str]

    @abstractmethod
    def matches(self, source: object) -> bool:
        """Say from its content whether `source`, a `Path` or an object, is of this format.

        A file is looked at, never loaded; whether it is whole shows in `load`.
        """

    @abstractmethod
    def load(self, source: object) -> Model:
        """Return the model; foreign code is never run.

        Raises:
            ModelError: it is damaged, unsafe, too large, or holds what cannot be imported.
        """
