"""A hand-written FastAPI app under uvicorn."""

from collections.abc import Mapping, Sequence

from benchmarks.serving.peers.peer import SAME_ENGINE, Peer, Place, app
from benchmarks.serving.posts import Post, Wire, plain_json, raw
from benchmarks.serving.workloads import Workload


def _command(place: Place) -> Sequence[str]:
    return app(place, "fastapi_app")


def _posts(load: Workload, _timeout_us: int) -> Mapping[Wire, Post]:
    return {"json": plain_json(load, "/infer"), "binary": raw(load, "/infer-bytes")}


FASTAPI = Peer(
    "fastapi",
    "FastAPI",
    "One uvicorn worker for each core, uvloop and httptools; the session has one thread and is "
    "called in the handler; no batching.",
    ("fastapi==0.165.0", "uvicorn==0.54.0", "uvloop==0.23.0", "httptools==0.9.0", SAME_ENGINE),
    _command,
    _posts,
)
