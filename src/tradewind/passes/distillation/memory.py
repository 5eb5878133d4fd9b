"""How much memory training takes, said before it takes it."""

from dataclasses import dataclass
from typing import Any, final

from tradewind.errors import PassError
from tradewind.interpreter.pytorch import Tensor, torch
from tradewind.limits import free_memory

_SPARE = 0.8
"""Share of the free memory that may be used."""


@final
@dataclass(frozen=True)
class Footprint:
    """Memory that training takes.

    Args:
        weights_bytes: parameters with their gradients, moments and best values, twice.
        example_bytes: what one example of a batch leaves for the way back.
        answers_bytes: the teacher's answers that are kept.
    """

    weights_bytes: int
    example_bytes: int
    answers_bytes: int

    def total_bytes(self, batch: int) -> int:
        """Return the memory for batches of this size; gradients double what is on the way."""
        return self.weights_bytes + self.answers_bytes + 2 * batch * self.example_bytes

    def batch_within(self, batch: int, free_bytes: int, where: str) -> int:
        """Return the largest batch up to `batch` that fits; halves of it are tried.

        Raises:
            PassError: not even one example fits.
        """
        allowed = int(free_bytes * _SPARE)
        while batch > 1 and self.total_bytes(batch) > allowed:
            batch //= 2
        if self.total_bytes(batch) > allowed:
            raise PassError(
                where, f"{self.total_bytes(batch)} bytes of memory to train in", f"{allowed} bytes"
            )
        return batch


def saved_bytes(compute: Any) -> int:
    """Return how much a computation keeps for the way back, weights not counted."""
    kept: dict[int, int] = {}

    def note(tensor: Tensor) -> Tensor:
        if not tensor.is_leaf or not tensor.requires_grad:
            storage = tensor.untyped_storage()
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        compute()
    return sum(kept.values())


def free_bytes(device: str) -> int:
    """Return the memory that nothing else uses."""
    return free_memory() if device == "cpu" else int(torch.cuda.mem_get_info(device)[0])
