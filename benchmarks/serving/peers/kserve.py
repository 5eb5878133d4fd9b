"""The Python server of KServe."""

from collections.abc import Mapping, Sequence

from benchmarks.serving.peers.peer import SAME_ENGINE, Peer, Place, app
from benchmarks.serving.posts import Post, Wire, protocol_binary, protocol_json
from benchmarks.serving.workloads import Workload


def _command(place: Place) -> Sequence[str]:
    return app(place, "kserve_server")


def _posts(load: Workload, timeout_us: int) -> Mapping[Wire, Post]:
    return {"json": protocol_json(load, timeout_us), "binary": protocol_binary(load, timeout_us)}


KSERVE = Peer(
    "kserve",
    "KServe",
    "A model server with one worker for each core, without the logging of latencies; it batches "
    "only in a container beside it.",
    ("kserve==0.21.0", SAME_ENGINE),
    _command,
    _posts,
    has_grpc=True,
)
