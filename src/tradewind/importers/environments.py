"""Environments of their own for frameworks that cannot share ours."""

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tradewind.errors import EngineError, ModelError, OutputError, SettingError
from tradewind.temporary import temporary_folder

HOME = "TRADEWIND_HOME"
"""The variable that says where environments are kept; `~/.local/share/tradewind` without it."""

_READY = "ready"


@dataclass(frozen=True)
class Environment:
    """A framework with everything that it is converted by, in pinned versions.

    Args:
        name: what the user calls it.
        module: what is imported from it.
        requirements: as pip takes them, each with one exact version.
        is_whole: whether `requirements` are all there is, and what they depend on besides is left
            out, because nothing that is asked of them here needs it.
    """

    name: str
    module: str
    requirements: tuple[str, ...]
    is_whole: bool = False

    @property
    def folder(self) -> Path:
        """Where it is kept; other versions are kept elsewhere."""
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        text = "\n".join((*self.requirements, str(self.is_whole), version))
        digest = hashlib.sha256(text.encode()).hexdigest()[:8]
        return home() / "environments" / f"{self.name}-{digest}"

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self.folder / "bin" / "python"

    @property
    def is_installed(self) -> bool:
        """Whether `install` has been through."""
        return (self.folder / _READY).is_file()


_TABLES = (
    *("numpy==2.4.6", "pandas==3.1.1", "python-dateutil==4.0.0", "six==1.17.0"),
    *("scipy==1.17.1", "packaging==26.3"),
)
"""What libraries of trees read rows from."""

_TORCH = ("torch==2.13.0", "onnx==1.23.0", "onnxscript==0.7.1", "safetensors==0.8.0")

ENVIRONMENTS: tuple[Environment, ...] = (
    Environment("xgboost", "xgboost", ("xgboost-cpu==3.2.0", *_TABLES), is_whole=True),
    Environment(
        "lightgbm", "lightgbm", ("lightgbm==4.7.0", "narwhals==2.29.0", *_TABLES), is_whole=True
    ),
    Environment("catboost", "catboost", ("catboost==1.2.10", *_TABLES), is_whole=True),
    Environment("torch", "torch", (*_TORCH, "numpy==2.4.6")),
    Environment(
        "transformers",
        "transformers",
        (*_TORCH, "transformers==5.23.0", "numpy==2.4.6", "pillow==13.0.0"),
    ),
    Environment("keras", "keras", (*_TORCH, "keras==3.15.1", "h5py==3.14.0", "numpy==2.4.6")),
    Environment(
        "tflite", "ai_edge_litert", ("ai-edge-litert==2.3.0", "numpy==2.4.6", "onnx==1.23.0")
    ),
    Environment(
        "tensorflow",
        "tensorflow",
        (
            *("tensorflow-cpu==2.21.0", "tf-keras==2.21.0", "keras==3.15.1", "tf2onnx==1.17.0"),
            *("numpy==2.4.6", "onnx==1.23.0", "h5py==3.14.0", "protobuf==7.36.2"),
            *("absl-py==2.5.1", "astunparse==1.6.3", "flatbuffers==25.12.19", "gast==0.7.0"),
            *("google-pasta==0.2.0", "grpcio==1.85.1", "ml-dtypes==0.6.0", "namex==0.1.0"),
            *("opt-einsum==3.4.0", "optree==0.20.0", "packaging==26.3", "requests==2.34.2"),
            *("certifi==2026.10.18", "charset-normalizer==3.5.2", "idna==3.20", "urllib3==2.8.0"),
            *("rich==15.0.0", "markdown-it-py==4.3.0", "mdurl==0.1.2", "pygments==2.21.0"),
            *("six==1.17.0", "termcolor==3.3.0", "typing-extensions==4.16.0", "wrapt==2.5.2"),
        ),
        is_whole=True,  # tf-keras asks for a second TensorFlow, with what GPUs need
    ),
    Environment(
        "jax",
        "jax",
        (
            *("jax==0.10.2", "jaxlib==0.10.2", "flatbuffers==25.12.19", "ml-dtypes==0.6.0"),
            *("numpy==2.4.6", "onnx==1.23.0", "opt-einsum==3.4.0", "protobuf==7.36.2"),
            *("scipy==1.17.1", "typing-extensions==4.16.0"),
        ),
        is_whole=True,
    ),
    Environment(
        "paddle",
        "paddle",
        (
            *("paddlepaddle==3.3.1", "paddle2onnx==2.1.0", "onnx==1.17.0", "numpy==2.4.6"),
            *("httpx==0.28.1", "httpcore==1.0.9", "h11==0.16.0", "anyio==4.16.0", "idna==3.20"),
            *("certifi==2026.10.18", "networkx==3.6.1", "opt-einsum==3.3.0", "packaging==26.3"),
            *("pillow==13.0.0", "protobuf==7.36.2", "safetensors==0.8.0", "setuptools==82.0.1"),
            *("typing-extensions==4.16.0",),
        ),
        is_whole=True,  # paddle2onnx asks for tools of another vendor that are not used here
    ),
)
"""Every environment that can be installed."""


def home() -> Path:
    """Return the folder under which environments are kept."""
    found = os.environ.get(HOME)
    return Path(found) if found else Path.home() / ".local" / "share" / "tradewind"


def environment(name: str) -> Environment:
    """Return the environment called `name`.

    Raises:
        SettingError: there is none.
    """
    for found in ENVIRONMENTS:
        if found.name == name:
            return found
    known = ", ".join(sorted(found.name for found in ENVIRONMENTS))
    raise SettingError("--install", f"one of {known}", name)


def has_environment(name: str, *further: str) -> bool:
    """Say whether the framework is installed: in an environment of its own, or beside us.

    Args:
        name: of the environment.
        further: modules that it takes beside the framework's own, where it is not its own.
    """
    wanted = environment(name)
    modules = (wanted.module, *further)
    return wanted.is_installed or all(map(importlib.util.find_spec, modules))


def python_of(name: str, where: str) -> Path:
    """Return an interpreter that has the framework: a managed one, else this one.

    Args:
        name: of the environment.
        where: the file that asks for it.

    Raises:
        ModelError: neither has it.
    """
    wanted = environment(name)
    if wanted.is_installed:
        return wanted.python
    if importlib.util.find_spec(wanted.module) is not None:
        return Path(sys.executable)
    raise ModelError(
        where,
        f"{wanted.name} to import it with",
        "none installed",
        f"run `tradewind doctor --install {wanted.name}` once; afterwards no network is needed.",
    )


def install(wanted: Environment, say: Callable[[str], None]) -> None:
    """Make an environment, or leave it alone where it is there.

    A half-made one never takes the place of a whole one.

    Args:
        wanted: what to install.
        say: told what is being done, a line at a time.

    Raises:
        EngineError: a package could not be installed.
        OutputError: there is no place for it.
    """
    if wanted.is_installed:
        say(f"{wanted.name}: already there, {wanted.folder}")
        return
    folder = wanted.folder
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        if folder.exists():  # an installation was interrupted
            shutil.rmtree(folder)
        say(f"{wanted.name}: making {folder}")
        # console scripts hold absolute paths, so it is made in its place, and marked when whole
        venv.create(folder, with_pip=True, symlinks=True)
    except OSError as error:
        hint = f"say with {HOME} where environments may be kept."
        got = error.strerror or str(error)
        raise OutputError(str(folder), "a writable folder", got, hint) from error
    try:
        _pip(wanted, say)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    (folder / _READY).touch()
    say(f"{wanted.name}: ready")


def _pip(wanted: Environment, say: Callable[[str], None]) -> None:
    with temporary_folder() as folder:
        command = [str(wanted.python), "-m", "pip", "install", "--disable-pip-version-check"]
        command += ["--no-input", "--progress-bar", "off"]
        command += ["--no-deps"] if wanted.is_whole else []
        log = folder / "log"
        command += wanted.requirements
        with log.open("w+", encoding="utf-8") as output:
            child = subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=output, stdin=subprocess.DEVNULL, text=True
            )
            assert child.stdout is not None
            with child:
                try:
                    for line in child.stdout:
                        if line.startswith(("Collecting", "Downloading", "Installing")):
                            say(f"{wanted.name}: {line.strip()[:100]}")
                    code = child.wait()
                except BaseException:
                    child.kill()
                    raise
        if code:
            last = [line for line in log.read_text().splitlines() if "ERROR" in line][-1:]
            raise EngineError(
                f"{wanted.name} environment",
                "packages that pip can install",
                "".join(last) or f"pip ended with {code}",
                "look at the network and at pip's configuration, then try again.",
            )
