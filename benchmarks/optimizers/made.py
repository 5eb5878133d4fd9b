"""A model with examples that are ready for it."""

from dataclasses import dataclass
from typing import final

from tradewind.model import Model
from tradewind.tensors import Array


@final
@dataclass(frozen=True)
class Made:
    """What a case of the suite is made of.

    Args:
        model: the original.
        arrays: the examples of each input, and `label` where there are labels.
    """

    model: Model
    arrays: dict[str, Array]
