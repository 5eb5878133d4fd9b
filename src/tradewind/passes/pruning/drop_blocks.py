"""Fewer residual blocks."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np

from tradewind.errors import PassError, SettingError
from tradewind.model import Model
from tradewind.passes.contract import Change, Needs, Observed, Pass
from tradewind.passes.inner import session, shapes_inside
from tradewind.passes.pruning.blocks import Block, find_blocks, without
from tradewind.passes.repair import Repair, affordable, batches_of, repair
from tradewind.tensors import Array, Tensors

_ROUNDS = 6
"""After each, what is left is judged anew: blocks do part of each other's work."""


@final
@dataclass(frozen=True)
class DropBlocks(Pass):
    """Remove the residual blocks whose removal changes the outputs least, then repair.

    x + f(x) becomes x. The loss of a removal is the mean over all float outputs of
    ||changed - original||^2 / ||original||^2. The layers that are left are fitted by least
    squares so that each sum comes close to what the sum behind the removed blocks was.
    """

    name: ClassVar[str] = "drop_blocks"
    is_lossless: ClassVar[bool] = False

    keep: float = 0.5  # share of the removable blocks that stay, 0 <= keep < 1
    repairs: bool = True  # whether the layers that are left are fitted anew
    judged_on: int = 128  # examples on which removals are compared
    examples: int = 1000  # to fit on
    ridge: float = 1e-4  # how strongly fitted weights are drawn to where they were

    def __post_init__(self) -> None:
        if not 0 <= self.keep < 1:
            raise SettingError("keep", "0 or more, less than 1", str(self.keep))
        for name in ("judged_on", "examples"):
            if getattr(self, name) < 1:
                raise SettingError(name, "1 or more", str(getattr(self, name)))
        if not self.ridge > 0:
            raise SettingError("ridge", "more than 0", str(self.ridge))

    def needs(self, model: Model) -> Needs:
        return Needs(examples=max(self.examples, self.judged_on))

    def apply(self, model: Model, seen: Observed) -> Change:
        judges = batches_of(model, seen, self.judged_on)
        shapes = shapes_inside(model, judges[0])
        blocks = find_blocks(model.to_proto(), shapes)
        if not blocks:
            raise PassError(model.origin.source, "a residual block that can be removed", "none")
        count = max(1, len(blocks) - round(self.keep * len(blocks)))
        gone = least_needed(model, blocks, count, judges)
        smaller, stands_for = without(model, gone)
        summary = f"{count} of {len(blocks)} residual blocks removed"
        if self.repairs:
            size = len(next(iter(judges[0].values())))
            most = min(self.examples, affordable(shapes, size))
            how = Repair(ridge=self.ridge, targets=stands_for)
            smaller, fitted = repair(smaller, model, batches_of(model, seen, most), how)
            summary += f", {fitted} layers fitted anew"
        return Change(smaller, summary)

    @property
    def label(self) -> str:
        notes = [f"{self.keep:.4g} of the blocks"]
        notes += [] if self.repairs else ["no repair"]
        notes += [] if self.judged_on == 128 else [f"judged on {self.judged_on}"]
        notes += [] if self.examples == 1000 else [f"{self.examples} examples"]
        notes += [] if self.ridge == 1e-4 else [f"ridge {self.ridge:g}"]
        return ", ".join(notes)


def least_needed(
    model: Model, blocks: Sequence[Block], count: int, batches: Sequence[Tensors]
) -> list[Block]:
    """Return so many blocks, in the order in which they run, chosen a few at a time.

    Raises:
        PassError: ONNX Runtime cannot run the model without some block.
    """
    wanted = _answers(model, batches)
    gone: list[Block] = []
    while len(gone) < count:
        losses = {
            block: _loss(
                wanted, _answers(without(model, _ordered(blocks, [*gone, block]))[0], batches)
            )
            for block in blocks
            if block not in gone
        }
        several = max(1, -(-(count - len(gone)) // _ROUNDS))
        gone += sorted(losses, key=lambda block: losses[block])[: min(several, count - len(gone))]
    return _ordered(blocks, gone)


def _ordered(blocks: Sequence[Block], chosen: Sequence[Block]) -> list[Block]:
    return [block for block in blocks if block in chosen]


def _answers(model: Model, batches: Sequence[Tensors]) -> list[dict[str, Array]]:
    names = [spec.name for spec in model.signature.outputs]
    loaded = session(model.to_proto(), names, model.origin.source)
    return [loaded(batch) for batch in batches]


def _loss(wanted: Sequence[Tensors], got: Sequence[Tensors]) -> float:
    """Return ||got - wanted||^2 / ||wanted||^2, the mean over outputs; of classes the share."""
    losses = []
    for name in wanted[0]:
        left = np.concatenate([np.atleast_1d(batch[name]) for batch in wanted])
        right = np.concatenate([np.atleast_1d(batch[name]) for batch in got])
        if left.dtype.kind != "f":
            losses.append(float(np.mean(left != right)))
            continue
        gap = np.nan_to_num(right.astype(np.float64) - left, nan=1e30, posinf=1e30, neginf=-1e30)
        losses.append(
            float(np.sum(gap**2) / max(float(np.sum(left.astype(np.float64) ** 2)), 1e-30))
        )
    return float(np.mean(losses))
