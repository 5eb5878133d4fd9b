"""Answers kept for requests that come again with exactly the same inputs."""

import hashlib
import os
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import final

import numpy as np
from msgspec import Struct

from tradewind.errors import SettingError
from tradewind.serve.messages import Answer, Request, Response
from tradewind.serve.observing import ModelMetrics
from tradewind.tensors import Array, Tensors

_LONGEST_BYTES = 1 << 20  # of inputs: hashing them holds up every other request for a millisecond
_ENTRY_BYTES = 512  # what an entry takes besides its tensors, about
_STATEFUL = "sequence_id"


@final
@dataclass(frozen=True)
class Caching:
    """How much the cache may keep, and for how long."""

    max_bytes: int = 0  # 0 for no cache
    max_age_s: float = 300.0  # then an answer is forgotten

    def __post_init__(self) -> None:
        if self.max_bytes < 0:
            raise SettingError("--cache-mb", "0 or more", str(self.max_bytes))
        if not self.max_age_s > 0:
            raise SettingError("--cache-s", "more than 0", str(self.max_age_s))


class _Entry(Struct, frozen=True, gc=False):
    outputs: dict[str, Array]
    size_bytes: int
    until_s: float


class Cache:
    """The answers of all models of a server; the one that was not asked for longest goes first.

    Args:
        limits: how much, and for how long.
        clock: returns seconds.
    """

    def __init__(self, limits: Caching, clock: Callable[[], float] = time.monotonic) -> None:
        self._limits = limits
        self._clock = clock
        self._entries: OrderedDict[bytes, _Entry] = OrderedDict()
        self._held_bytes = 0

    @property
    def held_bytes(self) -> int:
        """What the answers take."""
        return self._held_bytes

    def get(self, key: bytes) -> dict[str, Array] | None:
        """Return the answer that was kept under a key, unless it is too old."""
        entry = self._entries.get(key)
        if entry is None:
            return None
        if entry.until_s <= self._clock():
            self._drop(key)
            return None
        self._entries.move_to_end(key)
        return entry.outputs

    def put(self, key: bytes, outputs: Tensors) -> None:
        """Keep an answer, if it is not larger than the whole cache."""
        size_bytes = _ENTRY_BYTES + sum(map(_size_bytes, outputs.values()))
        if key in self._entries:
            self._drop(key)
        if size_bytes > self._limits.max_bytes:
            return
        while self._held_bytes + size_bytes > self._limits.max_bytes:
            self._drop(next(iter(self._entries)))
        kept = {name: array.copy() for name, array in outputs.items()}  # a view may hold a batch
        self._entries[key] = _Entry(kept, size_bytes, self._clock() + self._limits.max_age_s)
        self._held_bytes += size_bytes

    def _drop(self, key: bytes) -> None:
        self._held_bytes -= self._entries.pop(key).size_bytes


class Cached:
    """Answers from the cache, and asks the next one where it holds nothing.

    Args:
        answer: who is asked.
        cache: of the whole server.
        digest: of everything that computes; where it is empty, nobody else finds these answers.
        metrics: what is counted for the model.
    """

    def __init__(self, answer: Answer, cache: Cache, digest: str, metrics: ModelMetrics) -> None:
        self._answer = answer
        self._cache = cache
        self._origin = digest.encode() or os.urandom(16)
        self._metrics = metrics

    async def __call__(self, request: Request) -> Response:
        size_bytes = sum(array.nbytes for array in request.inputs.values())
        if max(size_bytes, request.size_bytes) > _LONGEST_BYTES or _STATEFUL in request.parameters:
            return await self._answer(request)
        began_s = time.perf_counter()
        key = key_of(self._origin, request.inputs)
        found = self._cache.get(key)
        if found is not None:
            return Response(found, 0.0, 0.0, is_cached=True)
        self._metrics.cache_misses.observe(time.perf_counter() - began_s)
        response = await self._answer(request)
        self._cache.put(key, response.outputs)
        return response


def key_of(origin: bytes, inputs: Tensors) -> bytes:
    """Return 32 bytes that no other inputs, and no other model, have."""
    digest = hashlib.sha256(len(origin).to_bytes(4, "little") + origin)
    for name in sorted(inputs):
        array = inputs[name]
        head = f"{len(name)}:{name}{array.dtype.name}{array.shape}"
        digest.update(head.encode())
        if array.dtype != object:
            digest.update(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)
            continue
        for element in array.ravel():
            text = element if isinstance(element, bytes) else str(element).encode()
            digest.update(len(text).to_bytes(4, "little") + text)
    return digest.digest()


def _size_bytes(array: Array) -> int:
    if array.dtype != object:
        return array.nbytes
    return sum(len(element) for element in array.ravel()) + array.nbytes
