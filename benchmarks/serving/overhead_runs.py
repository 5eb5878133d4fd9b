"""The server at saturation beside a loop that does nothing but ask the same engine.

On a machine with few cores the load generator takes time from the server, so that two ratios are
told: of the requests a second, and of the CPU time for each request, which the generator leaves
alone. The loop asks with as many threads as the server has, at several batch sizes.
"""

import argparse
import dataclasses
import json
import random
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import final

import numpy as np
from benchmarks.serving.closed_loop import http_loop
from benchmarks.serving.peers import PEERS, Peer
from benchmarks.serving.records import Machine, Range
from benchmarks.serving.running import running
from benchmarks.serving.workloads import DATA, Workload, workload

from tradewind.cli.opening import open_any
from tradewind.engines import OnnxRuntime
from tradewind.errors import TradewindError
from tradewind.runners import Runner

BATCHES = (1, 4, 16)
_TRADEWIND = PEERS[0]
_SETTLE_S = 0.3


@final
@dataclass(frozen=True)
class Turn:
    """One measurement."""

    model: str
    what: str
    round: int
    per_s: float  # examples
    cpu_ms: float  # for each example


def bare(load: Workload, runner: Runner, batch: int, threads: int, seconds: float) -> Turn:
    """Ask a runner from several threads, without anything around it."""
    inputs = {load.input_name: np.repeat(load.example, batch, axis=0)}
    counts = [0] * threads
    until = time.perf_counter() + _SETTLE_S + seconds

    def ask(number: int) -> None:
        while time.perf_counter() < until:
            runner(inputs)
            counts[number] += 1

    asking = [threading.Thread(target=ask, args=(number,)) for number in range(threads)]
    for thread in asking:
        thread.start()
    time.sleep(_SETTLE_S)
    before, begin, cpu = sum(counts), time.perf_counter(), time.process_time()
    for thread in asking:
        thread.join()
    done = (sum(counts) - before) * batch
    taken, burnt = time.perf_counter() - begin, time.process_time() - cpu
    return Turn(load.name, f"engine, batch {batch}", 0, done / taken, burnt / done * 1e3)


def served(load: Workload, peer: Peer, connections: int, seconds: float) -> Turn:
    """Drive the server with what is natural for the model."""
    with running(peer, load, print) as server:
        posts = server.posts()
        post = posts["binary"]
        http_loop(server.url, post, connections, 1.0)
        cpu = server.processes.cpu_s()
        loop = http_loop(server.url, post, connections, seconds)
        cpu_s = server.processes.cpu_s() - cpu
    what = f"{peer.title}, {connections} connections"
    return Turn(load.name, what, 0, loop.per_s, cpu_s / max(1, loop.requests) * 1e3)


def measure(
    loads: Sequence[Workload], rounds: int, seconds: float, threads: int, connections: Sequence[int]
) -> list[Turn]:
    """Take turns in random order."""
    found: list[Turn] = []
    order = random.Random()
    for number in range(rounds):
        for load in loads:
            cases: list[int | tuple[int]] = [*BATCHES, *((count,) for count in connections)]
            order.shuffle(cases)
            for case in cases:
                if isinstance(case, tuple):
                    turn = served(load, _TRADEWIND, case[0], seconds)
                else:  # the engine with the settings of `tradewind serve`
                    opened = open_any(load.file)
                    opened = dataclasses.replace(opened, engine=OnnxRuntime(spin=False))
                    with opened.compile() as runner:
                        turn = bare(load, runner, case, threads, seconds)
                found.append(dataclasses.replace(turn, round=number))
    return found


def told(found: Sequence[Turn]) -> str:
    """Return it as Markdown; ratios are against the engine at batch 1."""
    lines = [
        "| model | what | examples/s (rounds) | of the engine | CPU ms/example | of the engine |",
        "|---|---|---|---|---|---|",
    ]
    for model in dict.fromkeys(turn.model for turn in found):
        turns = [turn for turn in found if turn.model == model]
        base = [turn for turn in turns if turn.what == "engine, batch 1"]
        base_rate = Range.of(turn.per_s for turn in base).median
        base_cpu = Range.of(turn.cpu_ms for turn in base).median
        for what in sorted({turn.what for turn in turns}):
            rate = Range.of(turn.per_s for turn in turns if turn.what == what)
            cpu = Range.of(turn.cpu_ms for turn in turns if turn.what == what)
            lines.append(
                f"| {model} | {what} | {rate.median:,.0f} ({rate.low:,.0f} to {rate.high:,.0f}) "
                f"| {rate.median / base_rate:.0%} | {cpu.median:.3g} "
                f"| {cpu.median / base_cpu:.0%} |"
            )
    return "\n".join(lines) + "\n"


def main() -> int:
    """Measure and tell."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", default="resnet20,text")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--threads", type=int, default=2, help="that ask the bare engine")
    parser.add_argument("--connections", default="16,64")
    parser.add_argument("--data", type=Path, default=DATA, help="folder with trained models")
    parser.add_argument("--out", type=Path, help="file for the turns as JSON")
    given = parser.parse_args()
    connections = [int(count) for count in given.connections.split(",")]
    try:
        with tempfile.TemporaryDirectory(prefix="tradewind-") as name:
            loads = [workload(model, Path(name), given.data) for model in given.models.split(",")]
            found = measure(loads, given.rounds, given.seconds, given.threads, connections)
    except TradewindError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    print(told(found))
    if given.out is not None:
        document = {
            "machine": dataclasses.asdict(Machine.here()),
            "turns": [dataclasses.asdict(turn) for turn in found],
        }
        given.out.write_text(json.dumps(document, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
