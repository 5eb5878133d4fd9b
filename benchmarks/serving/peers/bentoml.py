"""BentoML."""

from collections.abc import Mapping, Sequence

from benchmarks.serving.peers.peer import SAME_ENGINE, Peer, Place, app
from benchmarks.serving.posts import Post, Wire, plain_json
from benchmarks.serving.workloads import Workload


def _command(place: Place) -> Sequence[str]:
    return app(place, "bentoml_service")


def _posts(load: Workload, _timeout_us: int) -> Mapping[Wire, Post]:
    return {"json": plain_json(load, "/infer", called="x")}


BENTOML = Peer(
    "bentoml",
    "BentoML",
    "One worker for each core, a batchable API with arrays of numpy, up to 32 in a batch.",
    ("bentoml==1.4.39", SAME_ENGINE),
    _command,
    _posts,
)
