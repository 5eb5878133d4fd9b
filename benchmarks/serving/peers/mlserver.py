"""MLServer of Seldon."""

from collections.abc import Mapping, Sequence

from benchmarks.serving.peers.peer import SAME_ENGINE, Peer, Place, app
from benchmarks.serving.posts import Post, Wire, protocol_json
from benchmarks.serving.workloads import Workload


def _command(place: Place) -> Sequence[str]:
    return app(place, "mlserver_model")


def _posts(load: Workload, timeout_us: int) -> Mapping[Wire, Post]:
    return {"json": protocol_json(load, timeout_us)}


MLSERVER = Peer(
    "mlserver",
    "MLServer",
    "A runtime of its own, one worker process for each core, adaptive batching up to 32 within "
    "1 ms, no access log; it has no binary form over HTTP.",
    ("mlserver==1.7.1", "uvloop==0.21.0", SAME_ENGINE),
    _command,
    _posts,
    has_grpc=True,
)
