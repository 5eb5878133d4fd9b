"""The optimizers that are compared, one file each."""

from benchmarks.optimizers.peers.inc import INC
from benchmarks.optimizers.peers.nncf import NNCF, NNCF_ACCURACY
from benchmarks.optimizers.peers.olive import OLIVE
from benchmarks.optimizers.peers.onnxruntime import ORT_DEFAULT, ORT_DYNAMIC, ORT_STATIC
from benchmarks.optimizers.peers.openvino import OPENVINO
from benchmarks.optimizers.peers.peer import Attempt, Peer, attempt

PEERS: tuple[Peer, ...] = (
    ORT_DEFAULT,
    ORT_STATIC,
    ORT_DYNAMIC,
    OPENVINO,
    NNCF,
    NNCF_ACCURACY,
    OLIVE,
    INC,
)
"""All of them, the baseline first."""

__all__ = ["PEERS", "Attempt", "Peer", "attempt"]
