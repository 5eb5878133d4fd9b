"""SingleStream, Offline and Server of MLPerf LoadGen, as a judge that is not ours.

LoadGen makes the arrivals, keeps the times and says whether a run is valid. Server offers a
share of what Offline has just reached.
"""

import argparse
import dataclasses
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, final

import numpy as np
from benchmarks.serving.peers import PEERS, Peer
from benchmarks.serving.peers.peer import APPS
from benchmarks.serving.running import Running, running
from benchmarks.serving.workloads import DATA, Workload, workload

from tradewind.errors import EngineError, SettingError, TradewindError
from tradewind.importers import install
from tradewind.importers.environments import Environment

Scenario = Literal["SingleStream", "Offline", "Server"]
SCENARIOS: Final[tuple[Scenario, ...]] = ("SingleStream", "Offline", "Server")
ENVIRONMENT: Final = Environment("peer-loadgen", "loadgen", ("mlcommons-loadgen==6.0.17",))
_BATCH = {"SingleStream": 1, "Offline": 16, "Server": 1}
_THREADS = {"SingleStream": 1, "Offline": 4, "Server": 32}
_NUMBERS = re.compile(r"^([^:\n]+?) *: *([\d.e+-]+) *$", re.MULTILINE)


@final
@dataclass(frozen=True)
class Judged:
    """What LoadGen said."""

    peer: str
    model: str
    scenario: Scenario
    is_valid: bool
    per_s: float
    p50_ms: float
    p99_ms: float
    failed: int  # samples that were not answered with 200
    summary: str


def judge(server: Running, scenario: Scenario, seconds: float, rate: float, python: Path) -> Judged:
    """Run one scenario in front of a server.

    Args:
        server: what is asked.
        scenario: how.
        seconds: how long at least.
        rate: samples a second: expected for Offline, offered for Server.
        python: the interpreter that has LoadGen.
    """
    batch = _BATCH[scenario]
    with tempfile.TemporaryDirectory(prefix="tradewind-") as name:
        folder = Path(name)
        wanted: dict[str, object] = {
            "folder": name,
            "port": server.http_port,
            "scenario": scenario,
            "seconds": seconds,
            "rate": rate,
            "target_s": server.load.target_s,
            "batch": batch,
            "threads": _THREADS[scenario],
        }
        for kind, rows in (("one", 1), ("many", batch)):
            posts = server.peer.posts(_rows(server.load, rows), 0)
            post = posts.get("binary") or posts["json"]
            (folder / kind).write_bytes(post.body)
            wanted |= {kind: str(folder / kind), f"{kind}_headers": dict(post.headers)}
            wanted["path"] = post.path
        told = subprocess.run(
            [str(python), str(APPS / "loadgen_harness.py")],
            input=json.dumps(wanted),
            capture_output=True,
            text=True,
            check=False,
            timeout=seconds * 20 + 120,
        )
    if told.returncode:
        raise EngineError("LoadGen", "a summary", told.stderr.strip()[-500:])
    found = json.loads(told.stdout.splitlines()[-1])
    return _read(server, scenario, found["summary"], found["failed"])


def _rows(load: Workload, rows: int) -> Workload:
    return dataclasses.replace(load, example=np.repeat(load.example, rows, axis=0))


def _read(server: Running, scenario: Scenario, summary: str, failed: int) -> Judged:
    numbers = {key.strip(): float(value) for key, value in _NUMBERS.findall(summary)}
    rates = [
        value
        for key, value in numbers.items()
        if re.search("(samples|queries) per second", key, re.I)
    ]
    if scenario == "SingleStream":
        rates = [1e9 / numbers["Mean latency (ns)"]]
    return Judged(
        server.peer.name,
        server.load.name,
        scenario,
        "Result is : VALID" in summary,
        rates[0] if rates else float("nan"),
        numbers.get("50.00 percentile latency (ns)", float("nan")) / 1e6,
        numbers.get("99.00 percentile latency (ns)", float("nan")) / 1e6,
        failed,
        summary,
    )


def run(
    peers: Sequence[Peer], models: Sequence[str], seconds: float, share: float, data: Path
) -> list[Judged]:
    """Run the three scenarios for each server and model."""
    if not ENVIRONMENT.is_installed:
        install(ENVIRONMENT, _say)
    found: list[Judged] = []
    with tempfile.TemporaryDirectory(prefix="tradewind-") as name:
        for model in models:
            load = workload(model, Path(name), data)
            for peer in peers:
                with running(peer, load, _say) as server:
                    rate = 1 / load.bare_s
                    for scenario in SCENARIOS:
                        _say(f"{peer.title}, {model}: {scenario}")
                        one = judge(server, scenario, seconds, rate, ENVIRONMENT.python)
                        found.append(one)
                        if scenario == "Offline":
                            rate = one.per_s * share
    return found


def told(found: Sequence[Judged]) -> str:
    """Return it as Markdown."""
    titles = {peer.name: peer.title for peer in PEERS}
    lines = [
        "| model | scenario | server | LoadGen says | samples/s | p50 ms | p99 ms | failed |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for one in found:
        verdict = "valid" if one.is_valid else "invalid"
        lines.append(
            f"| {one.model} | {one.scenario} | {titles[one.peer]} | {verdict} | {one.per_s:,.1f} "
            f"| {one.p50_ms:.3g} | {one.p99_ms:.3g} | {one.failed} |"
        )
    return "\n".join(lines) + "\n"


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def main() -> int:
    """Run and tell."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peers", default="tradewind,triton")
    parser.add_argument("--models", default="resnet20,text")
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--share", type=float, default=0.5, help="of Offline, offered to Server")
    parser.add_argument("--data", type=Path, default=DATA, help="folder with trained models")
    parser.add_argument("--out", type=Path, help="file for what LoadGen said, as JSON")
    given = parser.parse_args()
    known = {peer.name: peer for peer in PEERS}
    try:
        for name in given.peers.split(","):
            if name not in known:
                raise SettingError("--peers", f"some of {','.join(known)}", name)
        peers = [known[name] for name in given.peers.split(",")]
        found = run(peers, given.models.split(","), given.seconds, given.share, given.data)
    except TradewindError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    print(told(found))
    if given.out is not None:
        document = [dataclasses.asdict(one) for one in found]
        given.out.write_text(json.dumps(document, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
