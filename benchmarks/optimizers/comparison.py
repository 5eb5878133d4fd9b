"""Tradewind beside other optimizers, on real models with real data.

    python benchmarks/optimizers/run.py [--time 60s] [--only NAME ...] [--reuse] [--make]

Every model is divided once into the examples that optimizers see and those that judge them.
Each optimizer makes its file in an environment of its own; then all files are timed in turns, in
one process. WORK keeps what was made, with `results/NAME.json` and the table; DATA holds the models
and data, without which nothing can be measured.

`--time` is what Tradewind is given for each of two searches, for latency and for throughput. With
`--reuse` the files of other optimizers are made only where they are missing, and with
`--reuse-bundles` Tradewind's own as well. `--make` stops before anything is timed, `--table` writes
the table of what was measured before, and `--publish PAGE` puts it at the end of a page of the
documentation.
"""

import argparse
import sys
import time
import traceback
from pathlib import Path

from benchmarks.optimizers.comparing import Schedule, compare, make
from benchmarks.optimizers.peers import PEERS
from benchmarks.optimizers.prepared import prepare
from benchmarks.optimizers.records import read_record, write_record
from benchmarks.optimizers.suite import SUITE
from benchmarks.optimizers.tables import page

from tradewind.importers.environments import home
from tradewind.search import SearchSettings, parse_time

HEADING = "## What came out"
DEFAULT_DATA = Path(__file__).resolve().parents[3] / "shared" / "data"


def main() -> int:
    """Run the cases that were asked for."""
    given = _arguments()
    if not given.data.is_dir():
        print(f"{given.data}: expected the folder of models and data, got none.", file=sys.stderr)
        return 2
    work = given.work or home() / "optimizers"
    results = work / "results"
    results.mkdir(parents=True, exist_ok=True)
    settings = SearchSettings(parse_time(given.time), given.effort, given.seed)
    schedule = Schedule(
        settings,
        parse_time(given.limit),
        given.rounds,
        given.reuse,
        given.reuse_bundles,
        given.seed,
    )
    peers = [
        peer for peer in PEERS if not given.peers or peer.name in (PEERS[0].name, *given.peers)
    ]
    failed = 0
    for case in [case for case in SUITE if not given.only or case.name in given.only]:
        if given.table:
            break
        begin = time.monotonic()
        _say(f"\n## {case.title}")
        try:
            prepared = prepare(case, given.data, work, given.seed)
            if given.make:
                make(prepared, peers, schedule, _say)
            else:
                record = compare(prepared, peers, schedule, _say)
                write_record(results / f"{case.name}.json", record)
        except Exception:  # the others shall be measured all the same
            traceback.print_exc()
            failed += 1
        _say(f"{case.name} took {time.monotonic() - begin:.0f} s")
    found = [results / f"{case.name}.json" for case in SUITE]
    text = page([read_record(path) for path in found if path.exists()])
    (results / "table.md").write_text(text, encoding="utf-8")
    print(text)
    if given.publish is not None:
        publish(given.publish, text)
    return 1 if failed else 0


def publish(path: Path, text: str) -> None:
    """Put what came out at the end of a page, in place of what was there."""
    before, _, _ = path.read_text(encoding="utf-8").partition(HEADING)
    path.write_text(f"{before.rstrip()}\n\n{HEADING}\n\n{text}", encoding="utf-8")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    names = [case.name for case in SUITE]
    parser.add_argument("--data", type=Path, default=DEFAULT_DATA)
    parser.add_argument("--work", type=Path, help="where everything is kept; under TRADEWIND_HOME")
    parser.add_argument("--time", default="60s", help="for each of two searches")
    parser.add_argument("--limit", default="10m", help="for each other optimizer and model")
    parser.add_argument("--effort", choices=("quick", "normal", "thorough"), default="normal")
    parser.add_argument("--rounds", type=int, default=15, help="of the timing")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--only", nargs="+", choices=names, default=[], metavar="NAME", help=", ".join(names)
    )
    parser.add_argument(
        "--peers",
        nargs="+",
        choices=[peer.name for peer in PEERS],
        default=[],
        metavar="PEER",
        help=", ".join(peer.name for peer in PEERS),
    )
    parser.add_argument("--reuse", action="store_true")
    parser.add_argument("--reuse-bundles", action="store_true")
    parser.add_argument("--make", action="store_true")
    parser.add_argument("--table", action="store_true")
    parser.add_argument("--publish", type=Path, metavar="PAGE")
    return parser.parse_args()


def _say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main())
