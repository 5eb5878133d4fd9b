"""The servers that are compared, one file each."""

from benchmarks.serving.peers.fastapi import FASTAPI
from benchmarks.serving.peers.peer import Peer, Place
from benchmarks.serving.peers.tradewind import TRADEWIND

PEERS: tuple[Peer, ...] = (TRADEWIND, FASTAPI)
"""All of them, Tradewind first."""

__all__ = ["PEERS", "Peer", "Place"]
