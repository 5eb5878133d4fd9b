"""A model with examples that are ready for it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
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
        further: examples of each input that have no labels, where there are any; optimizers
            are not compared with them.
    """

    model: Model
    arrays: dict[str, Array]
    further: Mapping[str, Array] = field(default_factory=dict)
