"""One optimizer, as the comparison asks it for a file."""

import contextlib
import hashlib
import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import final

import msgspec
from benchmarks.optimizers.artefacts import Runtime
from benchmarks.optimizers.prepared import MAX_DROP, Prepared, part_of

from tradewind.importers import install
from tradewind.importers.environments import Environment

APPS = Path(__file__).with_name("apps")


@final
@dataclass(frozen=True)
class Peer:
    """An optimizer of models.

    Args:
        name: what it is called on the command line.
        title: what it is called in the table.
        about: how it is asked, in one sentence.
        runtime: what runs its files.
        app: the script that asks it; empty where the original itself is run.
        requirements: what pip installs, with versions.
        is_whole: whether `requirements` are all there is.
        is_default: whether nothing but the batch size is chosen when it is run.
        environment: variables for it.
    """

    name: str
    title: str
    about: str
    runtime: Runtime
    app: str = ""
    requirements: tuple[str, ...] = ()
    is_whole: bool = False
    is_default: bool = False
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def home(self) -> Environment:
        """Its environment."""
        name = f"peer-{self.app}"
        return Environment(name, self.name, self.requirements, is_whole=self.is_whole)


@final
@dataclass(frozen=True)
class Attempt:
    """What came of asking an optimizer.

    Args:
        peer: its name.
        file: what it made, None where that failed.
        took_s: how long it took.
        why: the reason of a failure.
        key: tells attempts apart that were given something else.
    """

    peer: str
    file: str | None
    took_s: float
    why: str = ""
    key: str = ""


def attempt(
    peer: Peer,
    prepared: Prepared,
    say: Callable[[str], None],
    limit_s: float,
    *,
    is_reused: bool,
) -> Attempt:
    """Ask an optimizer for a file, in a process and an environment of its own.

    Args:
        peer: whom.
        prepared: the model with the examples that it may see.
        say: told of installations.
        limit_s: seconds after which it is ended.
        is_reused: whether what an earlier attempt with the same things made will do.
    """
    if not peer.app:
        return Attempt(peer.name, str(prepared.file), 0.0)
    folder = prepared.folder / peer.name
    record, key = folder / "attempt.json", _key(peer, prepared)
    if is_reused and record.exists():
        found = msgspec.json.decode(record.read_bytes(), type=Attempt)
        if found.key == key:
            return found
    if not peer.home.is_installed:
        install(peer.home, say)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    request = {
        "model": str(prepared.file),
        "calibrate": str(part_of(prepared, "calibrate")),
        "select": str(part_of(prepared, "select")),
        "metric": prepared.told,
        "batch": prepared.model.signature.fixed_batch or 50,
        "max_drop": MAX_DROP,
        "folder": str(folder),
    }
    (folder / "request.json").write_text(json.dumps(request), encoding="utf-8")
    begin = time.monotonic()
    why = _run(peer, folder, limit_s)
    made = [folder / name for name in ("model.xml", "model.onnx") if (folder / name).exists()]
    if not made and not why:
        why = "it ended without a file"
    file = None if why else str(made[0])
    found = Attempt(peer.name, file, round(time.monotonic() - begin, 1), why, key)
    record.write_bytes(msgspec.json.encode(found))
    return found


def _key(peer: Peer, prepared: Prepared) -> str:
    parts = (*peer.requirements, (APPS / f"{peer.app}.py").read_text(), prepared.splits.digest)
    return hashlib.sha256("\n".join((*parts, prepared.model.digest)).encode()).hexdigest()


def _run(peer: Peer, folder: Path, limit_s: float) -> str:
    """Run its script, and say why it failed; empty where it did not."""
    command = [str(peer.home.python), str(APPS / f"{peer.app}.py"), str(folder / "request.json")]
    command.append(peer.name)
    quiet = {"ORT_DISABLE_TELEMETRY": "1", "DO_NOT_TRACK": "1", "HF_HUB_OFFLINE": "1"}
    log = folder / "log"
    with log.open("wb") as output:
        child = subprocess.Popen(
            command,
            stdout=output,
            stderr=output,
            stdin=subprocess.DEVNULL,
            cwd=folder,
            env={**os.environ, **quiet, **peer.environment},
            start_new_session=True,
        )
        try:
            code = child.wait(limit_s)
        except subprocess.TimeoutExpired:
            return f"not done after {limit_s:g} s"
        finally:
            if child.poll() is None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(child.pid, signal.SIGKILL)
                child.wait()
    if not code:
        return ""
    lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
    return f"exit status {code}: {lines[-1].strip()[:300] if lines else 'without a word'}"
