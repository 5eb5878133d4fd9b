"""NVIDIA Triton."""

from collections.abc import Mapping, Sequence

from benchmarks.serving.peers.peer import SAME_ENGINE, Peer, Place, app
from benchmarks.serving.posts import Post, Wire, protocol_binary, protocol_json
from benchmarks.serving.workloads import Workload


def _command(place: Place) -> Sequence[str]:
    return app(place, "triton_server")


def _posts(load: Workload, timeout_us: int) -> Mapping[Wire, Post]:
    return {"json": protocol_json(load, timeout_us), "binary": protocol_binary(load, timeout_us)}


TRITON = Peer(
    "triton",
    "Triton",
    "The server of the nvidia-pytriton wheel with its Python backend, one instance for each core, "
    "dynamic batching up to 32, time limits of requests heeded. The C++ backend for ONNX Runtime "
    "is not in that wheel, so ONNX Runtime is called from Python.",
    ("nvidia-pytriton==0.7.0", SAME_ENGINE),
    _command,
    _posts,
    has_grpc=True,
)
