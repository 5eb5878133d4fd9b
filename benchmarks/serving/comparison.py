"""Every server under the same loads in turns: one command, one table, pictures."""

import argparse
import dataclasses
import json
import random
import secrets
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import final

from benchmarks.serving.closed_loop import Loop, grpc_loop, http_loop, require
from benchmarks.serving.grpc_check import check_grpc
from benchmarks.serving.open_loop import Driving, Plan
from benchmarks.serving.peers import PEERS, Peer
from benchmarks.serving.pictures import draw
from benchmarks.serving.posts import Wire, protocol_grpc
from benchmarks.serving.records import Closed, Failure, Machine, Open, Start
from benchmarks.serving.running import HOST, Running, running
from benchmarks.serving.tables import closed_table, failure_list, open_table, start_table
from benchmarks.serving.workloads import DATA, WORKLOADS, Workload, workload

from tradewind.errors import SettingError, TradewindError

_WARM_UP_S = 1.0
_LARGE_BYTES = 4096  # from where on nobody who cares for speed sends JSON


@final
@dataclass(frozen=True)
class Settings:
    """What is measured."""

    peers: Sequence[Peer]
    models: Sequence[str]
    wires: Sequence[Wire]
    connections: Sequence[int]
    times: Sequence[float]  # of the capacity, in open loop
    seconds: float
    rounds: int
    seed: int
    data: Path
    server_cpus: Sequence[int]
    load_cpus: Sequence[int]


@final
@dataclass
class Record:
    """Everything that was measured so far."""

    starts: list[Start] = field(default_factory=list)
    closed: list[Closed] = field(default_factory=list)
    open: list[Open] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)


def say(line: str) -> None:
    """Tell how far it is."""
    print(line, file=sys.stderr, flush=True)


def measure(wanted: Settings) -> tuple[Record, list[Workload]]:
    """Run all rounds; in each, servers and models come in another random order."""
    record, order = Record(), random.Random(wanted.seed)
    with tempfile.TemporaryDirectory(prefix="tradewind-") as name:
        loads = [workload(model, Path(name), wanted.data) for model in wanted.models]
        for load in loads:
            say(f"{load.name}: {load.bare_s * 1e3:.3f} ms bare, target {load.target_s * 1e3:.1f}")
        for number in range(wanted.rounds):
            pairs = [(peer, load) for peer in wanted.peers for load in loads]
            order.shuffle(pairs)
            for peer, load in pairs:
                say(f"round {number + 1}: {peer.title}, {load.name}")
                try:
                    _one(peer, load, number, wanted, record, order)
                except (TradewindError, OSError, subprocess.SubprocessError) as error:
                    say(f"  {error}")
                    record.failures.append(Failure(peer.name, load.name, number, str(error)))
    return record, loads


def _one(
    peer: Peer,
    load: Workload,
    number: int,
    wanted: Settings,
    record: Record,
    order: random.Random,
) -> None:
    with running(peer, load, say, wanted.server_cpus) as server:
        pss, rss = server.processes.memory_bytes()
        start = Start(peer.name, load.name, number, server.cold_start_s, pss, rss)
        record.starts.append(start)
        cases = [
            (wire, connections)
            for wire in _wires(server, wanted.wires)
            for connections in wanted.connections
        ]
        order.shuffle(cases)
        for wire, connections in cases:
            _loop(server, wire, connections, _WARM_UP_S, wanted)
            record.closed.append(_closed(server, wire, connections, number, wanted))
        if wanted.times:
            record.open += _overload(server, number, wanted)


def _wires(server: Running, wanted: Sequence[Wire]) -> list[Wire]:
    found = list(server.posts())
    if server.peer.has_grpc and "grpc" in wanted:
        check_grpc(f"{HOST}:{server.grpc_port}", server.load, say)
        found.append("grpc")
    return [wire for wire in found if wire in wanted]


def _loop(server: Running, wire: Wire, connections: int, seconds: float, wanted: Settings) -> Loop:
    if wire == "grpc":
        address = f"{HOST}:{server.grpc_port}"
        message = protocol_grpc(server.load)
        answer_bytes = server.load.answer.nbytes
        return grpc_loop(address, message, answer_bytes, connections, seconds, wanted.load_cpus)
    post = server.posts()[wire]
    return http_loop(server.url, post, connections, seconds, wanted.load_cpus)


def _closed(server: Running, wire: Wire, connections: int, number: int, wanted: Settings) -> Closed:
    before = server.processes.cpu_s()
    loop = _loop(server, wire, connections, wanted.seconds, wanted)
    cpu_ms = (server.processes.cpu_s() - before) / max(1, loop.requests) * 1e3
    say(f"  {wire} x {connections}: {loop.per_s:,.0f}/s, p99 {loop.p99_ms:.2f} ms")
    pss, _ = server.processes.memory_bytes()
    return Closed(server.peer.name, server.load.name, number, wire, loop, cpu_ms, pss)


def _overload(server: Running, number: int, wanted: Settings) -> Iterator[Open]:
    """Offer multiples of what the server can do, which is found just before."""
    load = server.load
    has_binary = "binary" in server.posts() and load.example.nbytes >= _LARGE_BYTES
    wire: Wire = "binary" if has_binary else "json"
    capacity = _loop(server, wire, max(wanted.connections), wanted.seconds, wanted).per_s
    waits_us = int((load.target_s - load.bare_s) * 1e6)
    post = server.posts(waits_us)[wire]
    for times in wanted.times:
        plan = Plan(
            HOST,
            server.http_port,
            "",
            rate=capacity * times,
            seconds=wanted.seconds,
            target_s=load.target_s,
            seed=wanted.seed + number,
        )
        outcome = Driving(plan, post.encode(HOST), wanted.load_cpus).outcome()
        pss, _ = server.processes.memory_bytes()
        say(
            f"  {times:g} x {capacity:,.0f}/s: {outcome.goodput / capacity:.0%} of it in time, "
            f"p99 {outcome.p99_ms:.1f} ms, {outcome.unanswered} unanswered"
        )
        yield Open(server.peer.name, load.name, number, wire, times, capacity, outcome, pss)


def options() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peers", default=",".join(peer.name for peer in PEERS))
    parser.add_argument("--models", default=",".join(WORKLOADS))
    parser.add_argument("--wires", default="json,binary,grpc")
    parser.add_argument("--connections", default="16,64", help="of the closed loops")
    parser.add_argument(
        "--times", default="0.5,0.8,1,1.5,2", help="of the capacity, in open loop; empty: none"
    )
    parser.add_argument("--seconds", type=float, default=5.0, help="for each measurement")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seed", type=int, default=None, help="of the order and of the arrivals")
    parser.add_argument("--data", type=Path, default=DATA, help="folder with trained models")
    parser.add_argument("--server-cpus", default="", help="such as 0,1; all of them without")
    parser.add_argument("--load-cpus", default="", help="where the load generators run")
    parser.add_argument("--out", type=Path, help="folder for results.json, table.md and pictures")
    return parser


def settings(given: argparse.Namespace) -> Settings:
    """Return what the command line asks for.

    Raises:
        SettingError: it asks for a server, model or form that there is not.
    """
    known = {peer.name: peer for peer in PEERS}
    wires: dict[str, Wire] = {"json": "json", "binary": "binary", "grpc": "grpc"}
    for option, names, all_of_them in (
        ("--peers", given.peers, known),
        ("--models", given.models, WORKLOADS),
        ("--wires", given.wires, wires),
    ):
        for name in names.split(","):
            if name not in all_of_them:
                raise SettingError(option, f"some of {','.join(all_of_them)}", name)
    require("wrk")
    if "grpc" in given.wires:
        require("h2load")
    return Settings(
        [known[name] for name in given.peers.split(",")],
        given.models.split(","),
        [wires[name] for name in given.wires.split(",")],
        [int(count) for count in given.connections.split(",")],
        [float(times) for times in given.times.split(",") if times],
        given.seconds,
        given.rounds,
        secrets.randbits(32) if given.seed is None else given.seed,
        given.data,
        [int(cpu) for cpu in given.server_cpus.split(",") if cpu],
        [int(cpu) for cpu in given.load_cpus.split(",") if cpu],
    )


def document(wanted: Settings, record: Record, loads: Sequence[Workload]) -> dict[str, object]:
    """Return everything as JSON can hold it."""
    return {
        "machine": dataclasses.asdict(Machine.here()),
        "seed": wanted.seed,
        "seconds": wanted.seconds,
        "rounds": wanted.rounds,
        "cpus": {"server": list(wanted.server_cpus), "load": list(wanted.load_cpus)},
        "models": [
            {"name": load.name, "bare_ms": load.bare_s * 1e3, "target_ms": load.target_s * 1e3}
            for load in loads
        ],
        "peers": [
            {"name": peer.name, "about": peer.about, "requirements": list(peer.requirements)}
            for peer in wanted.peers
        ],
        **dataclasses.asdict(record),
    }


def main() -> int:
    """Measure and tell."""
    try:
        given = options().parse_args()
        wanted = settings(given)
        record, loads = measure(wanted)
    except TradewindError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    titles = {peer.name: peer.title for peer in wanted.peers}
    parts = [
        closed_table(record.closed, titles),
        open_table(record.open, titles),
        start_table(record.starts, titles),
        failure_list(record.failures, titles),
    ]
    table = "\n\n".join(part for part in parts if part) + "\n"
    print(table)
    if given.out is not None:
        given.out.mkdir(parents=True, exist_ok=True)
        found = json.dumps(document(wanted, record, loads), indent=1)
        (given.out / "results.json").write_text(found + "\n")
        (given.out / "table.md").write_text(table)
        draw(given.out, record.closed, record.open, titles)
    return 0


if __name__ == "__main__":
    sys.exit(main())
