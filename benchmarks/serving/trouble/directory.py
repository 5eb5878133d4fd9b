"""Models that come, change and break while the server runs."""

import shutil
import time
from pathlib import Path

from benchmarks.serving.trouble.finding import Claim, Fault, Finding, Scale, reasoned, settled
from benchmarks.serving.trouble.options import option_missing
from benchmarks.serving.trouble.stand import Memory, stand

_RATE = 200.0
_EVERY_S = 0.5


def _reload(folder: Path, scale: Scale) -> Finding:
    models = folder / "models"
    models.mkdir()
    control = ("--model-control", "explicit", "--load-model", "tiny")
    with (
        stand(folder, "tiny", control, shelf=models) as server,
        Memory(server.processes) as memory,
    ):
        path = f"/v2/repository/models/{server.load.name}/load"
        driving = server.drive(_RATE, scale.seconds)
        until = time.monotonic() + scale.seconds
        statuses = []
        while time.monotonic() < until:
            statuses.append(server.send("POST", path, b"{}")[0])
            time.sleep(_EVERY_S)
        outcome = driving.outcome()
        return Finding(
            [
                Claim("it can be reloaded", set(statuses) == {200}, f"{statuses[:5]}"),
                settled(outcome),
                reasoned(outcome, ()),
            ],
            outcome,
            server.recovery_s(),
            memory.before,
            memory.peak,
            {"reloads": len(statuses)},
        )


def _corrupt(folder: Path, scale: Scale) -> Finding:
    models = folder / "models"
    models.mkdir()
    control = ("--model-dir", str(models), "--model-control", "poll", "--poll-s", "0.5")
    with stand(folder, "tiny", control) as server:
        driving = server.drive(_RATE, scale.seconds)
        whole = server.load.file.read_bytes()
        (models / "noise.onnx").write_bytes(b"\x08\x07" + bytes(range(256)))
        (models / "cut.onnx").write_bytes(whole[: len(whole) // 2])
        (models / "empty.tw").mkdir()
        (models / "empty.tw" / "manifest.json").write_text("{")
        shutil.copy(server.load.file, models / "good.onnx")
        begin = time.perf_counter()
        while (good := server.infer("good")) != 200 and time.perf_counter() < begin + 30:
            time.sleep(0.05)
        found_s = time.perf_counter() - begin
        bad = {name: server.infer(name) for name in ("noise", "cut", "empty")}
        outcome = driving.outcome()
        return Finding(
            [
                Claim("the whole one is served", good == 200, f"{good}"),
                Claim("the broken ones are not", 200 not in bad.values(), f"{bad}"),
                settled(outcome),
                reasoned(outcome, ()),
            ],
            outcome,
            notes={"found_after_s": found_s},
        )


def _many_models(folder: Path, scale: Scale) -> Finding:
    models = folder / "models"
    models.mkdir()
    with stand(folder) as server:
        shutil.copy(server.load.file, models / "m0000.onnx")
        alone, _ = server.processes.memory_bytes()
    for number in range(1, scale.models):
        shutil.copy(models / "m0000.onnx", models / f"m{number:04}.onnx")
    with stand(folder, "tiny", ("--model-dir", str(models))) as server:
        memory, _ = server.processes.memory_bytes()
        last = f"m{scale.models - 1:04}"
        begin = time.perf_counter()
        status = server.infer(last)
        first_s = time.perf_counter() - begin
        return Finding(
            [Claim("the last model answers", status == 200, f"{status}")],
            None,
            None,
            alone,
            memory,
            {
                "models": scale.models,
                "started_s": server.started_s,
                "first_answer_s": first_s,
                "bytes_per_model": (memory - alone) / scale.models,
            },
        )


RELOAD = Fault(
    "reload",
    "The model is loaded anew while requests come.",
    _reload,
    lambda: option_missing("--model-control"),
)
CORRUPT = Fault(
    "corrupt",
    "Files that are no models, and one that is, are put into the folder of models.",
    _corrupt,
    lambda: option_missing("--model-control"),
)
MANY_MODELS = Fault("many-models", "The folder of models holds very many.", _many_models)
