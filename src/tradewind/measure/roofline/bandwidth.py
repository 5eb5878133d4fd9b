"""How many bytes per second this machine moves between its cores and where the bytes are."""

import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np

from tradewind.limits import available_cores
from tradewind.measure.roofline.rate import Rate, rate_of
from tradewind.tensors import Array

_TURN_BYTES = 6 * 10**7  # of one thread in one round: about a millisecond in the caches
_SMALL, _LARGEST = 2**18, 2**28
_UNKNOWN_CACHE = 8 * 2**20


def cache_bytes() -> int:
    """Return the size of the largest cache; 8 MiB where the system does not say."""
    sizes = [_size(path) for path in Path("/sys/devices/system/cpu/cpu0/cache").glob("*/size")]
    return max(sizes, default=0) or _UNKNOWN_CACHE


def _size(path: Path) -> int:
    text = path.read_text(encoding="ascii").strip()
    unit = {"K": 2**10, "M": 2**20, "G": 2**30}.get(text[-1:], 1)
    digits = text.rstrip("KMG")
    return int(digits) * unit if digits.isdigit() else 0


def memory_bandwidth(rounds: int, until: float) -> Rate:
    """Return the bytes per second read and written when nothing fits into a cache.

    All cores copy and multiply arrays that are four times as large as the largest cache together.
    """
    total = min(max(4 * cache_bytes(), 2**26), _LARGEST)
    return _best([total], rounds, until)


def cache_bandwidth(rounds: int, until: float) -> Rate:
    """Return the bytes per second read and written when everything fits into the caches.

    That of the size of arrays at which it is highest; what one core has to itself is among them.
    """
    half = cache_bytes() // 2
    sizes = [size for size in (_SMALL, 4 * _SMALL, 16 * _SMALL, 32 * _SMALL) if size <= half]
    return _best([size * available_cores() for size in sizes or [half]], rounds, until)


def _best(totals: list[int], rounds: int, until: float) -> Rate:
    """Return the rate at the best size, number of threads and kind of work."""
    cores = available_cores()
    found = [
        _rate(total // threads, threads, copies=copies, rounds=rounds, until=until)
        for total in totals
        for threads in sorted({1, cores})
        for copies in (True, False)
    ]
    return max(found, key=lambda rate: rate.best)


def _rate(size: int, threads: int, *, copies: bool, rounds: int, until: float) -> Rate:
    """Return the bytes per second of threads that each work on two arrays of `size` together."""
    pairs = [np.ones((2, size // 8), np.float32) for _ in range(threads)]
    repeats = max(1, _TURN_BYTES // size)
    work = partial(_work, repeats=repeats, copies=copies)
    rates = []
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(work, pairs))
        for number in range(rounds):
            if number and time.monotonic() > until:
                break
            begin = time.perf_counter()
            list(pool.map(work, pairs))
            rates.append(threads * repeats * size / (time.perf_counter() - begin))
    return rate_of(rates)


def _work(pair: Array, *, repeats: int, copies: bool) -> None:
    target, source = pair
    for _ in range(repeats):
        if copies:
            np.copyto(target, source)
        else:
            np.dot(target, source)
