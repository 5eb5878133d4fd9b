"""PyTorch, imported when it is first used: the package works where it is not installed."""

import importlib
from typing import Any, TypeAlias

from tradewind.errors import EngineError

Tensor: TypeAlias = Any
"""A `torch.Tensor`, which is not imported to annotate functions."""


class _Later:
    """A module that is imported as soon as something in it is asked for."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, attribute: str) -> Any:
        try:
            module = importlib.import_module(self._name)
        except ImportError as error:
            raise EngineError(
                "PyTorch", "an installed package", str(error), "pip install 'tradewind[train]'."
            ) from error
        found = getattr(module, attribute)
        setattr(self, attribute, found)
        return found


torch: Any = _Later("torch")
functional: Any = _Later("torch.nn.functional")
