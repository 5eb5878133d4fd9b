"""What this machine is, as far as speed and rounding depend on it."""

import platform
from dataclasses import dataclass
from pathlib import Path

from tradewind.engines import ENGINES
from tradewind.limits import available_cores, total_memory

# the extensions that decide which kernels a runtime picks, weakest first
_TELLING = (
    ("sse4_2", "sse4_2"),
    ("avx2", "avx2"),
    ("avx_vnni", "avx_vnni"),
    ("avx512f", "avx512f"),
    ("avx512_vnni", "avx512_vnni"),
    ("avx512_bf16", "avx512_bf16"),
    ("avx512_fp16", "avx512_fp16"),
    ("amx_bf16", "amx_bf16"),
    ("amx_int8", "amx_int8"),
    ("amx_fp16", "amx_fp16"),
    ("asimd", "neon"),
    ("asimddp", "dotprod"),
    ("i8mm", "i8mm"),
    ("bf16", "bf16"),
    ("sve", "sve"),
)

_DOTS = {"avx_vnni", "avx512_vnni", "amx_int8", "dotprod", "i8mm"}
"""Extensions with dot products of 8-bit numbers."""


@dataclass(frozen=True)
class Hardware:
    """The part of a machine that a measurement or a certificate holds on."""

    cpu: str
    isa: tuple[str, ...]  # instruction-set extensions that change kernels or rounding
    cores: int  # that this process may use
    memory_bytes: int
    system: str
    engines: dict[str, str]  # name to version

    @property
    def saturates(self) -> bool:
        """Whether sums of 8-bit products may overflow.

        Without instructions for dot products x86 adds pairs of products of unsigned and signed
        numbers in 16 bits, where they saturate unless the signed ones have 7 bits.
        """
        return not set(self.isa) & _DOTS

    def differences(self, other: "Hardware") -> list[str]:
        """Say in words why rounding may differ on `other`; empty when it should not."""
        found = []
        if self.isa != other.isa:
            found.append(f"instruction set {_join(self.isa)} became {_join(other.isa)}")
        if self.cpu != other.cpu:
            found.append(f"CPU {self.cpu} became {other.cpu}")
        found += [
            f"{name} {version} became {other.engines.get(name, 'absent')}"
            for name, version in self.engines.items()
            if other.engines.get(name) != version
        ]
        return found


def this_machine() -> Hardware:
    """Return the fingerprint of the machine that runs this process."""
    flags = _flags()
    return Hardware(
        cpu=_cpu_name(),
        isa=tuple(name for flag, name in _TELLING if flag in flags),
        cores=available_cores(),
        memory_bytes=total_memory(),
        system=f"{platform.system()} {platform.machine()}",
        engines={engine.name: engine.version() for engine in ENGINES},
    )


def _cpu_name() -> str:
    for line in _cpuinfo():
        key, _, value = line.partition(":")
        if key.strip() in ("model name", "Model", "Hardware"):
            return value.strip()
    return platform.processor() or platform.machine()


def _flags() -> set[str]:
    for line in _cpuinfo():
        key, _, value = line.partition(":")
        if key.strip() in ("flags", "Features"):
            return set(value.split())
    return set()


def _cpuinfo() -> list[str]:
    path = Path("/proc/cpuinfo")
    return path.read_text(encoding="utf-8").splitlines() if path.exists() else []


def _join(names: tuple[str, ...]) -> str:
    return "+".join(names) or "unknown"
