"""What this machine can do at best: multiplications and bytes per second."""

import contextlib
import hashlib
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import msgspec

from tradewind.engines import Engine, OnnxRuntime, OpenVINO
from tradewind.errors import EngineError
from tradewind.limits import available_cores
from tradewind.measure.hardware import Hardware
from tradewind.measure.roofline.bandwidth import cache_bandwidth, cache_bytes, memory_bandwidth
from tradewind.measure.roofline.peak_graphs import convolution, product
from tradewind.measure.roofline.rate import Rate, rate_of
from tradewind.model import Model
from tradewind.tensors import Tensors

FOLDER = "peaks"
"""Under the folder of what Tradewind keeps."""

MEASURING_S = 10.0
"""What measuring takes at most, on a machine that is not busy."""

_ASKED_S = 0.16  # each graph on each engine
_ROUNDS = 10
_VERSION = 1  # of how peaks are measured


@dataclass(frozen=True)
class Peaks:
    """What one machine can do at best, as far as it showed.

    Args:
        macs_per_s: multiply-accumulate operations by arithmetic: f32, int8, and bf16 and f16
            where the CPU has them.
        memory: bytes per second from and to memory.
        cache: bytes per second from and to the caches.
        cache_bytes: size of the largest cache.
    """

    macs_per_s: dict[str, Rate]
    memory: Rate
    cache: Rate
    cache_bytes: int

    def macs_in(self, arithmetic: str) -> float:
        """Return the best rate of an arithmetic; that of f32 where it was not measured."""
        return self.macs_per_s.get(arithmetic, self.macs_per_s["f32"]).best


def measure_peaks(*, hurry: bool = False, limit_s: float = 3 * MEASURING_S) -> Peaks:
    """Measure the peaks of this machine, which takes a few seconds.

    Products and convolutions that fit into the caches are run on the engines; the best round of the
    best engine counts, since all that disturbs a measurement makes it slower.

    Args:
        hurry: look only for a moment, and at one graph for each arithmetic.
        limit_s: after which less is looked at, as on a machine that is very busy.
    """
    start = time.monotonic()
    asked_s, rounds = (0.02, 2) if hurry else (_ASKED_S, _ROUNDS)
    graphs = 1 if hurry else None
    rates: dict[str, Rate] = {}
    names = _arithmetics()
    for place, name in enumerate(names, 1):
        until = start + limit_s * 0.6 * place / len(names)
        rate = _rate(name, asked_s, graphs, until)
        rates |= {} if rate is None else {name: rate}
    return Peaks(
        rates,
        memory_bandwidth(rounds, start + limit_s * 0.8),
        cache_bandwidth(rounds * 4, start + limit_s),
        cache_bytes(),
    )


def better_of(one: Peaks, other: Peaks | None) -> Peaks:
    """Return the better of two measurements of the same machine, rate by rate."""
    if other is None:
        return one
    rates = other.macs_per_s
    return Peaks(
        {name: _better(rate, rates.get(name)) for name, rate in one.macs_per_s.items()},
        _better(one.memory, other.memory),
        _better(one.cache, other.cache),
        one.cache_bytes,
    )


def _better(one: Rate, other: Rate | None) -> Rate:
    return one if other is None or one.best >= other.best else other


def known_peaks(home: Path, machine: Hardware) -> Peaks | None:
    """Return the peaks that were measured on a machine like this before, if any were.

    Args:
        home: the folder of what Tradewind keeps.
        machine: with cores, instruction sets and engines.
    """
    try:
        return msgspec.json.decode(_file(home, machine).read_bytes(), type=Peaks)
    except (OSError, msgspec.DecodeError):
        return None


def keep_peaks(home: Path, machine: Hardware, peaks: Peaks) -> None:
    """Write peaks down for the next time; where that is not possible they are measured again."""
    path = _file(home, machine)
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
            file.write(msgspec.json.encode(peaks))
        Path(file.name).replace(path)


def _file(home: Path, machine: Hardware) -> Path:
    decisive = msgspec.json.encode([_VERSION, machine], order="sorted")
    return home / FOLDER / f"{hashlib.sha256(decisive).hexdigest()[:16]}.json"


def _arithmetics() -> tuple[str, ...]:
    return (*OpenVINO.precisions(), "int8")


def _rate(arithmetic: str, asked_s: float, graphs: int | None, until: float) -> Rate | None:
    """Return the best of all engines and shapes; None when no engine could run any."""
    found: list[Rate] = []
    for model, inputs, macs in islice(_graphs(is_int8=arithmetic == "int8"), graphs):
        for engine in _engines(arithmetic):
            if found and time.monotonic() > until:
                break
            with contextlib.suppress(EngineError):  # what one cannot run, another may
                found.append(_run(model, engine, inputs, macs, asked_s))
    return max(found, key=lambda rate: rate.best, default=None)


def _graphs(*, is_int8: bool) -> Iterator[tuple[Model, Tensors, int]]:
    """Yield layers of a fraction of a millisecond and of several, which suits other machines."""
    yield product(384, is_int8=is_int8)
    yield product(512 if available_cores() < 8 else 1024, is_int8=is_int8)
    yield convolution(64, 28, is_int8=is_int8)
    yield convolution(128, 28, is_int8=is_int8)


def _engines(arithmetic: str) -> tuple[Engine, ...]:
    if arithmetic == "bf16":
        return (OpenVINO(precision="bf16"),)
    if arithmetic == "f16":
        return (OpenVINO(precision="f16"),)
    return OnnxRuntime(), OpenVINO()


def _run(model: Model, engine: Engine, inputs: Tensors, macs: int, asked_s: float) -> Rate:
    """Return how fast a graph is answered: calls are short, so that some meet an idle machine."""
    rates: list[float] = []
    with engine.compile(model) as runner:
        runner(inputs)
        end = time.perf_counter() + asked_s
        while not rates or time.perf_counter() < end:
            begin = time.perf_counter()
            runner(inputs)
            rates.append(macs / (time.perf_counter() - begin))
    return rate_of(rates)
