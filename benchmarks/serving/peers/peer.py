"""One server of models, as the comparison starts and asks it."""

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import final

import onnxruntime as ort
from benchmarks.serving.posts import Post, Wire
from benchmarks.serving.workloads import Workload

from tradewind.importers import install
from tradewind.importers.environments import Environment

APPS = Path(__file__).with_name("apps")

SAME_ENGINE = f"onnxruntime=={ort.__version__}"
"""The engine that Tradewind runs on, so that all compute alike."""


@final
@dataclass(frozen=True)
class Place:
    """Where one server of one model runs."""

    python: Path
    load: Workload
    folder: Path  # empty, for whatever it writes
    http_port: int
    grpc_port: int
    spare_port: int  # for what some servers open besides
    cores: int


@final
@dataclass(frozen=True)
class Peer:
    """A server of models.

    Args:
        name: what it is called on the command line.
        title: what it is called in the table.
        about: how it was set up, in one sentence.
        requirements: what pip installs, with versions; empty where Tradewind's own environment is
            used.
        command: returns what starts it.
        posts: returns the request in each form it takes over HTTP, from the model and the time in
            microseconds that a request may wait (0: any).
        environment: variables for it.
        has_grpc: whether it speaks the protocol over gRPC.
    """

    name: str
    title: str
    about: str
    requirements: Sequence[str]
    command: Callable[[Place], Sequence[str]]
    posts: Callable[[Workload, int], Mapping[Wire, Post]]
    environment: Mapping[str, str] = field(default_factory=dict)
    has_grpc: bool = False

    def python(self, say: Callable[[str], None]) -> Path:
        """Return the interpreter of its environment, which is made where there is none."""
        if not self.requirements:
            return Path(sys.executable)
        wanted = Environment(f"peer-{self.name}", self.name, tuple(self.requirements))
        if not wanted.is_installed:
            install(wanted, say)
        return wanted.python


def app(place: Place, name: str) -> list[str]:
    """Return the command that runs one of our scripts with the settings every one reads."""
    return [str(place.python), str(APPS / f"{name}.py")]


def settings(place: Place) -> dict[str, str]:
    """Return the variables that those scripts read."""
    return {
        "MODEL": str(place.load.file),
        "NAME": place.load.name,
        "FOLDER": str(place.folder),
        "HTTP_PORT": str(place.http_port),
        "GRPC_PORT": str(place.grpc_port),
        "SPARE_PORT": str(place.spare_port),
        "CORES": str(place.cores),
        "OMP_NUM_THREADS": "1",
        "DO_NOT_TRACK": "1",
        "BENTOML_DO_NOT_TRACK": "True",
        "RAY_USAGE_STATS_ENABLED": "0",
    }
