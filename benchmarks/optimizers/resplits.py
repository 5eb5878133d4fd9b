"""How often a certificate is wrong, on the answers of real variants of real models.

    python benchmarks/optimizers/run.py resplits [--only NAME ...] [--resplits 1000]

Of each model variants are made by passes that lose little, much and something between. All answers
to the examples that none of them was made with are taken as the whole world, so that what each
variant loses is known. From this world the select and the certify split are drawn anew
(with replacement, so that the draws are independent), and certified as a search does it: in the
order of the probability to pass on the select split, until the first failure. A certificate is
false where the world says that more is lost than allowed. Then each variant alone is tested with
exactly what it loses as its budget, where any certificate is false, and 5% are allowed to be.
"""

import argparse
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import final

import numpy as np
from benchmarks.optimizers.judging import BATCH
from benchmarks.optimizers.prepared import CONFIDENCE, MAX_DROP, Prepared, prepare
from benchmarks.optimizers.suite import SUITE

from tradewind.budget import Budget
from tradewind.engines import OnnxRuntime
from tradewind.errors import TradewindError
from tradewind.evidence import (
    Certificate,
    Paired,
    PairedCounts,
    PairedLosses,
    fixed_sequence,
    passing_probability,
)
from tradewind.importers.environments import home
from tradewind.measure import collect
from tradewind.model import Model
from tradewind.passes import (
    DropBlocks,
    Factorize,
    Observed,
    Pass,
    PruneChannels,
    PruneTrees,
    QuantizeDynamic,
    QuantizeNNCF,
    QuantizeStatic,
    QuantizeWeights,
    Sparsify,
    apply_isolated,
)
from tradewind.search.certifying import certify
from tradewind.tensors import Array

DEFAULT_DATA = Path(__file__).resolve().parents[3] / "shared" / "data"

MADE: tuple[Pass, ...] = (
    QuantizeStatic(reduce_range=True),
    QuantizeStatic(reduce_range=True, calibration="percentile"),
    QuantizeDynamic(reduce_range=True),
    QuantizeNNCF(reduce_range=True),
    QuantizeWeights(weights="s4"),
    Sparsify(zeros=0.3),
    Sparsify(zeros=0.5),
    Factorize(loss=0.01),
    PruneChannels(keep=0.95, examples=200),
    PruneChannels(keep=0.85, examples=200),
    DropBlocks(keep=0.95, examples=200, judged_on=32),
    DropBlocks(keep=0.9, examples=200, judged_on=32),
    PruneTrees(keep=0.5),
    PruneTrees(keep=0.2),
    PruneTrees(keep=0.1),
    PruneTrees(keep=0.05),
)
"""What variants are made by; a pass that does not fit a model makes none of it."""
LIMIT_S = 120.0
"""Of a pass."""


@final
@dataclass(frozen=True)
class World:
    """What the original and its variants did on all examples.

    Args:
        metric: what may be lost.
        is_exact: whether every loss is 0 or 1.
        has_truth: whether labels told right from wrong, rather than the original.
        before: float64[n], losses of the original.
        after: of each variant by name, float64[n].
        selected: examples of a select split.
        certified: examples of a certify split.
    """

    metric: str
    is_exact: bool
    has_truth: bool
    before: Array
    after: Mapping[str, Array]
    selected: int
    certified: int

    def lost(self, name: str) -> float:
        """Return what a variant loses."""
        return float(np.mean(self.after[name] - self.before))

    def paired(self, name: str, rows: Array) -> Paired:
        """Return what a variant did on some examples, as a test takes it."""
        before, after = self.before[rows], self.after[name][rows]
        if self.is_exact:
            return PairedCounts.from_correct(before < 0.5, after < 0.5)
        return PairedLosses(after - before)

    def budget(self, max_drop: float) -> Budget:
        """Return a promise about this metric."""
        return Budget(metric=self.metric, max_drop=max_drop, confidence=CONFIDENCE)


@final
@dataclass(frozen=True)
class Tally:
    """What came out of all draws.

    Args:
        draws: how many there were.
        false: those in which anything was certified that loses more than allowed.
        granted: of each variant, the share of draws in which it was certified in its turn.
        at_boundary: of each that loses anything, the share of draws in which it was certified
            alone with what it loses as its budget.
    """

    draws: int
    false: int
    granted: dict[str, float]
    at_boundary: dict[str, float]


def tally(world: World, draws: int, random: np.random.Generator) -> Tally:
    """Certify again and again on examples drawn anew."""
    lost = {name: world.lost(name) for name in world.after}
    granted, boundary = dict.fromkeys(lost, 0), {name: 0 for name in lost if lost[name] > 0}
    false = 0
    for _ in range(draws):
        select, rows = (
            random.integers(len(world.before), size=size)
            for size in (world.selected, world.certified)
        )
        passed = certified_in_turn(world, select, rows)
        false += any(lost[name] > MAX_DROP for name in passed)
        for name in passed:
            granted[name] += 1
        for name in boundary:
            allowed = world.budget(lost[name])
            boundary[name] += tested(world.paired(name, rows), allowed, world.has_truth).certified
    return Tally(
        draws,
        false,
        {name: count / draws for name, count in granted.items()},
        {name: count / draws for name, count in boundary.items()},
    )


def tested(paired: Paired, budget: Budget, has_truth: bool) -> Certificate:
    """Return what `certify` does; of counts that came before from memory."""
    find = _remembered if isinstance(paired, PairedCounts) else certify
    return find(paired, budget, has_truth=has_truth)


def probability(paired: Paired, n: int, budget: Budget, *, has_truth: bool) -> float:
    """Return what `passing_probability` does; of counts that came before from memory."""
    find = _remembered_probability if isinstance(paired, PairedCounts) else passing_probability
    return find(paired, n, budget.max_drop, budget.confidence, has_truth=has_truth)


_remembered = cache(certify)
_remembered_probability = cache(passing_probability)


def certified_in_turn(world: World, select: Array, rows: Array) -> list[str]:
    """Return what is certified on `rows`, tested in the order that `select` gives."""
    budget = world.budget(MAX_DROP)

    def failing(name: str) -> float:
        seen = world.paired(name, select)
        return -round(probability(seen, len(rows), budget, has_truth=world.has_truth), 2)

    order = sorted(world.after, key=failing)
    found = (tested(world.paired(name, rows), budget, world.has_truth).p_value for name in order)
    return order[: fixed_sequence(found, 1.0 - CONFIDENCE)]


def world_of(prepared: Prepared) -> World:
    """Ask the original and everything that was made of it about all examples."""
    splits, metric, labels = prepared.splits, prepared.metric, prepared.dataset.labels
    rows = np.concatenate([splits.select, splits.certify])
    size = prepared.model.signature.fixed_batch or BATCH
    original = prepared.original(rows)
    has_truth = metric.takes_labels and labels is not None
    truth = labels[rows] if has_truth and labels is not None else original
    after = {}
    for name, model in _made(prepared):
        try:
            with OnnxRuntime().compile(model) as runner:
                answers = collect(runner, prepared.dataset.batches(rows, size), metric, size)
        except TradewindError:
            continue  # ONNX Runtime lacks a kernel
        after[name] = metric.losses(answers, truth)
    return World(
        metric.name,
        metric.is_exact,
        has_truth,
        metric.losses(original, truth),
        after,
        len(splits.select),
        len(splits.certify),
    )


def _made(prepared: Prepared) -> Iterator[tuple[str, Model]]:
    """Yield every other model that the passes make of the original."""
    seen = Observed(prepared.dataset.take(prepared.splits.calibrate))
    digests = {prepared.model.digest}
    for step in MADE:
        try:
            made = apply_isolated(step, prepared.model, seen, LIMIT_S).model
        except TradewindError:
            continue  # it does not fit, or takes too long
        if made.digest not in digests:
            digests.add(made.digest)
            yield step.label, made


def main() -> int:
    """Run the cases that were asked for, and print a table."""
    given = _arguments()
    if not given.data.is_dir():
        print(f"{given.data}: expected the folder of models and data, got none.", file=sys.stderr)
        return 2
    work = given.work or home() / "optimizers"
    seed = int.from_bytes(np.random.SeedSequence().generate_state(1).tobytes(), "little")
    print(f"seed {seed}, {given.resplits:,} draws for each model\n")
    print("| model | variants | beyond 1% | false | at the boundary: mean, most | seconds |")
    print("|---|---|---|---|---|---|", flush=True)
    for case in [case for case in SUITE if not given.only or case.name in given.only]:
        begin = time.monotonic()
        world = world_of(prepare(case, given.data, work, 0))
        found = tally(world, given.resplits, np.random.default_rng(seed))
        beyond = sum(world.lost(name) > MAX_DROP for name in world.after)
        rates = list(found.at_boundary.values()) or [0.0]
        print(
            f"| {case.title} | {len(world.after)} | {beyond} | {found.false / found.draws:.1%} | "
            f"{np.mean(rates):.1%}, {max(rates):.1%} | {time.monotonic() - begin:.0f} |",
            flush=True,
        )
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    names = [case.name for case in SUITE]
    parser.add_argument("--data", type=Path, default=DEFAULT_DATA)
    parser.add_argument("--work", type=Path, help="of a comparison; under TRADEWIND_HOME")
    parser.add_argument("--only", nargs="+", choices=names, default=[], metavar="NAME")
    parser.add_argument("--resplits", type=int, default=1000)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
