"""Whether a search finds the same again, and what more time would find.

    python benchmarks/optimizers/run.py steadiness [--seeds 5] [--time 60s] [--long 20m]

On each model the search for the highest throughput runs with several seeds, which divide the
examples differently, and once with much more time. What they chose takes turns in one process, with
the original in default settings; the answer is said to be the same where the interval of each
against the best holds 1, or the same kind of graph runs on the same engine.
"""

import argparse
import re
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import final

import numpy as np
from benchmarks.optimizers.peers import PEERS
from benchmarks.optimizers.prepared import Prepared, prepare
from benchmarks.optimizers.racing import inputs_of, of_bundle, of_file, race
from benchmarks.optimizers.searching import Found, search_once
from benchmarks.optimizers.suite import SUITE, Case

from tradewind.importers.environments import home
from tradewind.measure import Ratio, throughput_ratio
from tradewind.search import Cache, SearchSettings, parse_time

DEFAULT_DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
LONG = "long"


@final
@dataclass(frozen=True)
class Standing:
    """One search.

    Args:
        name: its seed, or `LONG`.
        label: what it chose.
        gain: over the original in default settings.
        behind: of the best of them, over this.
        took_s: how long it took.
    """

    name: str
    label: str
    gain: Ratio
    behind: Ratio
    took_s: float

    @property
    def family(self) -> str:
        """The kind of change and the engine, of each stage."""
        return " before ".join(map(_family, self.label.split(", then ")))


def _family(label: str) -> str:
    what, _, engine = label.rpartition(" on ")
    parts = [part.strip() for part in what.split(",")]
    kinds = [part for part in parts if "% of" in part] + ["int8"] * ("int8" in what)
    return f"{' '.join(kinds or parts[:1])} on {re.split(r' [(]|,', engine)[0]}"


def searched(
    case: Case, given: argparse.Namespace, work: Path
) -> list[tuple[str, Prepared, Found]]:
    """Search with every seed, and once for long."""
    found = []
    short = SearchSettings(parse_time(given.time))
    wanted = {f"seed-{seed}": replace(short, seed=seed) for seed in range(given.seeds)}
    if given.long:
        wanted[LONG] = replace(short, time_s=parse_time(given.long))
    for name, settings in wanted.items():
        prepared = prepare(case, given.data, work, settings.seed)
        with tempfile.TemporaryDirectory(prefix="tradewind-") as folder:
            # what an earlier search knows would spare the later ones time
            cache = Cache(Path(folder))
            one = search_once(
                prepared, "throughput", settings, cache, f"steady-{name}", is_reused=given.reuse
            )
        print(f"  {name}: {one.bundle.manifest.chosen.description}, {one.took_s:.0f} s", flush=True)
        found.append((name, prepared, one))
    return found


def standings(found: Sequence[tuple[str, Prepared, Found]], rounds: int) -> tuple[Standing, ...]:
    """Let everything that was chosen take turns, and compare."""
    prepared = found[0][1]
    sizes = [one.bundle.manifest.chosen.batch_size or 1 for _, _, one in found]
    batches = inputs_of(prepared, sizes)
    with ExitStack() as stack:
        runs = [of_file(PEERS[0], prepared.file, prepared, batches, "throughput")]
        runs += [of_bundle(name, one, batches) for name, _, one in found]
        for run in runs:
            stack.callback(run.runner.close)
        timings = race(runs, batches, "throughput", rounds, seed=0)
    per_example = [
        float(np.median(timing.wall_per_call_s)) / run.batch_size
        for run, timing in zip(runs, timings, strict=True)
    ]
    best = int(np.argmin(per_example))
    return tuple(
        Standing(
            name,
            run.label,
            throughput_ratio(timings[0], timing, run.batch_size / runs[0].batch_size),
            throughput_ratio(timing, timings[best], runs[best].batch_size / run.batch_size),
            one.took_s,
        )
        for (name, _, one), run, timing in zip(found, runs[1:], timings[1:], strict=True)
    )


def told(title: str, rows: Sequence[Standing]) -> str:
    """Return one line of a table."""
    seeds, longs = (
        [one for one in rows if one.name != LONG],
        [one for one in rows if one.name == LONG],
    )
    gains = [one.gain.ratio for one in seeds]
    families = sorted({one.family for one in seeds})
    best = max(seeds, key=lambda one: one.gain.ratio)
    near = sum(one.family == best.family or one.behind.low <= 1.0 for one in seeds)
    parts = [title, "; ".join(families), f"{near} of {len(seeds)}",
             f"{np.median(gains):.2f} ({min(gains):.2f} to {max(gains):.2f})"]  # fmt: skip
    for one in longs:
        parts += [f"{one.gain.ratio:.2f}", f"{share(rows):.0%}", f"{one.label}, {one.took_s:.0f} s"]
    return f"| {' | '.join(parts)} |"


def share(rows: Sequence[Standing]) -> float:
    """Return the median gain of the seeds as a share of that of the long search."""
    gains = [one.gain.ratio for one in rows if one.name != LONG]
    [long] = [one.gain.ratio for one in rows if one.name == LONG]
    return float(np.median(gains)) / long


def main() -> int:
    """Run the cases that were asked for, and print a table."""
    given = _arguments()
    if not given.data.is_dir():
        print(f"{given.data}: expected the folder of models and data, got none.", file=sys.stderr)
        return 2
    work = given.work or home() / "optimizers"
    lines, shares = [], []
    for case in [case for case in SUITE if not given.only or case.name in given.only]:
        print(case.title, flush=True)
        rows = standings(searched(case, given, work), given.rounds)
        lines.append(told(case.title, rows))
        print(lines[-1], flush=True)
        if given.long:
            shares.append(share(rows))
    more = f" | {given.long}, times | share of it | what that chose" if given.long else ""
    print(f"\n| model | chosen | the same | {given.time}, times{more} |")
    print("|" + "---|" * (7 if given.long else 4))
    print("\n".join(lines))
    if shares:
        print(f"\nmedian share over {len(shares)} models: {np.median(shares):.0%}")
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    names = [case.name for case in SUITE]
    parser.add_argument("--data", type=Path, default=DEFAULT_DATA)
    parser.add_argument("--work", type=Path, help="where everything is kept; under TRADEWIND_HOME")
    parser.add_argument("--only", nargs="+", choices=names, default=[], metavar="NAME")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--time", default="60s", help="of each search")
    parser.add_argument("--long", default="20m", help="of one more; empty for none")
    parser.add_argument("--rounds", type=int, default=15, help="of the timing")
    parser.add_argument("--reuse", action="store_true", help="what was chosen before")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
