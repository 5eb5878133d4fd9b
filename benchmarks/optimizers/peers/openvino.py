"""OpenVINO without a quantizer."""

from benchmarks.optimizers.peers.peer import Peer

OPENVINO = Peer(
    "openvino",
    "OpenVINO fp32",
    "The original, compiled for each batch size.",
    "openvino",
)
