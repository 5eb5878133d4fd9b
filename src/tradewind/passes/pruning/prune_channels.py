"""Fewer channels."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal, final

from tradewind.engines import OnnxRuntime, OpenVINO
from tradewind.errors import PassError, SettingError
from tradewind.model import Model
from tradewind.passes.checking import compare
from tradewind.passes.contract import Change, Needs, Observed, Pass
from tradewind.passes.inner import run
from tradewind.passes.pruning.coupling import Coupling, couple
from tradewind.passes.pruning.cutting import cut, silenced_channels
from tradewind.passes.pruning.importance import Rule, importance
from tradewind.passes.pruning.stopwatch import Stopwatch
from tradewind.passes.pruning.widths import Allocation, macs, most_important
from tradewind.passes.repair import Picked, Repair, affordable, batches_of, repair
from tradewind.tensors import Array, Tensors

_LOOKED_AT = 8
"""Examples from which shapes are learned, and on which layers are timed."""


Allocating = Literal["uniform", "macs", "time"]
"""How the cut is shared out: the same share of every group, or where it loses least."""


@final
@dataclass(frozen=True)
class PruneChannels(Pass):
    """Remove the channels that matter least, with everything that depends on them, then repair.

    Channels that meet in a sum, a concatenation or a grouped convolution go together; of
    attention, heads or widths of heads go; where the graph is not understood, all stay. Before
    the repair the answers are those of the whole graph with the channels set to zero, which is
    checked on examples.
    """

    name: ClassVar[str] = "prune_channels"
    is_lossless: ClassVar[bool] = False

    keep: float = 0.5  # share of the cost that stays, 0 < keep < 1
    rule: Rule = "reconstruction"  # what tells how much a channel matters
    allocation: Allocating = "uniform"  # macs, time: where a unit of that cost loses least
    engine: Literal["onnxruntime", "openvino"] = "onnxruntime"  # of which time is measured
    multiple: int = 8  # numbers of channels that stay are multiples of this where they can be
    heads: Literal["whole", "within"] = "whole"  # what attention loses
    repairs: bool = True  # whether the layers that follow are fitted anew
    examples: int = 1000  # to judge channels and to fit on
    ridge: float = 1e-4  # how strongly fitted weights are drawn to where they were

    def __post_init__(self) -> None:
        if not 0 < self.keep < 1:
            raise SettingError("keep", "more than 0, less than 1", str(self.keep))
        for name in ("multiple", "examples"):
            if getattr(self, name) < 1:
                raise SettingError(name, "1 or more", str(getattr(self, name)))
        if not self.ridge > 0:
            raise SettingError("ridge", "more than 0", str(self.ridge))

    def needs(self, model: Model) -> Needs:
        return Needs(examples=self.examples)

    def apply(self, model: Model, seen: Observed) -> Change:
        sample = batches_of(model, seen, max(_LOOKED_AT, model.signature.fixed_batch or 1))[0]
        coupling = couple(model, sample, heads=self.heads == "whole")
        if not coupling.groups:
            raise PassError(model.origin.source, "channels that can be cut", "none")
        count = next(len(array) for array in sample.values() if array.ndim)
        most = min(self.examples, affordable(coupling.trace.shapes, count))
        batches = batches_of(model, seen, max(most, count))
        losses = importance(model, coupling, batches, self.rule)
        widths = self._widths(coupling, losses)
        gone: set[int] = set()
        for group, width in zip(coupling.groups, widths, strict=True):
            gone |= most_important(group, losses, width)
        if not gone:
            raise PassError(model.origin.source, "a group of channels to cut", "none so large")
        smaller = cut(model, coupling, gone)
        _check_exact(model, coupling, gone, smaller, sample)
        before, after = coupling.macs(coupling.keeping(())), coupling.macs(coupling.keeping(gone))
        summary = f"{len(gone)} groups of channels cut, {after / max(before, 1):.0%} of MACs left"
        if self.repairs:
            how = Repair(ridge=self.ridge, picked=_picking(coupling, gone))
            smaller, fitted = repair(smaller, model, batches, how)
            summary += f", {fitted} layers fitted anew"
        return Change(smaller, summary)

    def _widths(self, coupling: Coupling, losses: Mapping[int, float]) -> list[int]:
        if self.allocation == "time":
            engine = OnnxRuntime() if self.engine == "onnxruntime" else OpenVINO()
            watch = Stopwatch(engine, coupling.trace)
            return Allocation(coupling, losses, self.multiple, watch).greedy(self.keep)
        allocation = Allocation(coupling, losses, self.multiple, macs)
        if self.allocation == "macs":
            return allocation.greedy(self.keep)
        return allocation.uniform(self.keep)

    @property
    def label(self) -> str:
        notes = [f"{self.keep:.4g} of the channels' cost"]
        notes += [] if self.rule == "reconstruction" else [self.rule]
        notes += [] if self.allocation == "uniform" else [f"by {self.allocation}"]
        notes += [] if self.engine == "onnxruntime" else [self.engine]
        notes += [] if self.multiple == 8 else [f"of {self.multiple}"]
        notes += [] if self.heads == "whole" else ["within heads"]
        notes += [] if self.repairs else ["no repair"]
        notes += [] if self.examples == 1000 else [f"{self.examples} examples"]
        notes += [] if self.ridge == 1e-4 else [f"ridge {self.ridge:g}"]
        return ", ".join(notes)


def _picking(coupling: Coupling, gone: set[int]) -> Picked:
    """Return what tells which channels of a value are left after the cut."""
    kept = coupling.keeping(gone)

    def picked(name: str, axis: int) -> Array | None:
        stay: Array = kept(coupling.trace.axes[name][axis])
        return None if stay.all() else stay

    return picked


def _check_exact(
    model: Model, coupling: Coupling, gone: set[int], smaller: Model, sample: Tensors
) -> None:
    """Raise unless the cut graph answers as the whole one with the channels set to zero.

    Raises:
        PassError: it does not, so that something was cut which is needed.
    """
    names = [spec.name for spec in model.signature.outputs]
    where = model.origin.source
    silent = silenced_channels(model, coupling, gone)
    wanted = run(silent.to_proto(), sample, names, where)
    found = compare(wanted, run(smaller.to_proto(), sample, names, where))
    if found.relative > _EXACT:
        hint = "this is a bug; the graph stays as it was."
        raise PassError(where, "the answers of a graph with silent channels", f"{found}", hint)


_EXACT = 1e-3
"""Sums of fewer terms are rounded otherwise; 1e-5 for an operator, a hundred in a row."""
