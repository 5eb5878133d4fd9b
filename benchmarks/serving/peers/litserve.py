"""LitServe of Lightning."""

from collections.abc import Mapping, Sequence

from benchmarks.serving.peers.peer import SAME_ENGINE, Peer, Place, app
from benchmarks.serving.posts import Post, Wire, plain_json
from benchmarks.serving.workloads import Workload


def _command(place: Place) -> Sequence[str]:
    return app(place, "litserve_server")


def _posts(load: Workload, _timeout_us: int) -> Mapping[Wire, Post]:
    return {"json": plain_json(load, "/predict")}


LITSERVE = Peer(
    "litserve",
    "LitServe",
    "One worker and one API server for each core, the fast queue, batches up to 32 within 1 ms.",
    ("litserve==0.2.19", SAME_ENGINE),
    _command,
    _posts,
)
