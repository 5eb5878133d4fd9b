"""Ray Serve."""

from collections.abc import Mapping, Sequence

from benchmarks.serving.peers.peer import SAME_ENGINE, Peer, Place, app
from benchmarks.serving.posts import Post, Wire, plain_json
from benchmarks.serving.workloads import Workload


def _command(place: Place) -> Sequence[str]:
    return app(place, "ray_serve")


def _posts(load: Workload, _timeout_us: int) -> Mapping[Wire, Post]:
    return {"json": plain_json(load, "/infer")}


RAY = Peer(
    "ray",
    "Ray Serve",
    "One replica for each core, batches up to 32 within 1 ms, 256 requests at a time for each "
    "replica, no dashboard.",
    ("ray[serve]==2.60.0", SAME_ENGINE),
    _command,
    _posts,
)
