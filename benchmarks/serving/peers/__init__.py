"""The servers that are compared, one file each."""

from benchmarks.serving.peers.bentoml import BENTOML
from benchmarks.serving.peers.fastapi import FASTAPI
from benchmarks.serving.peers.kserve import KSERVE
from benchmarks.serving.peers.litserve import LITSERVE
from benchmarks.serving.peers.mlserver import MLSERVER
from benchmarks.serving.peers.peer import Peer, Place
from benchmarks.serving.peers.ray import RAY
from benchmarks.serving.peers.tradewind import TRADEWIND
from benchmarks.serving.peers.triton import TRITON

PEERS: tuple[Peer, ...] = (
    TRADEWIND,
    TRITON,
    FASTAPI,
    RAY,
    KSERVE,
    MLSERVER,
    BENTOML,
    LITSERVE,
)
"""All of them, Tradewind first."""

__all__ = ["PEERS", "Peer", "Place"]
