"""Tradewind itself."""

from collections.abc import Mapping, Sequence

from benchmarks.serving.peers.peer import Peer, Place
from benchmarks.serving.posts import Post, Wire, protocol_binary, protocol_json
from benchmarks.serving.workloads import Workload

from tradewind.cli.serve import command as serve

HAS_GRPC = any("--grpc-port" in option.opts for option in serve.params)


def _command(place: Place) -> Sequence[str]:
    ports = ["--http-port", str(place.http_port)]
    if HAS_GRPC:
        ports += ["--grpc-port", str(place.grpc_port)]
    return [str(place.python), "-m", "tradewind", "serve", str(place.load.file), *ports]


def _posts(load: Workload, timeout_us: int) -> Mapping[Wire, Post]:
    return {"json": protocol_json(load, timeout_us), "binary": protocol_binary(load, timeout_us)}


TRADEWIND = Peer(
    "tradewind",
    "Tradewind",
    "`tradewind serve MODEL.onnx` with its default settings.",
    (),
    _command,
    _posts,
    has_grpc=HAS_GRPC,
)
