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
    control = ("--model-control", "explicit")
    with stand(folder, "tiny", control) as server, Memory(server.processes) as memory:
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
    control = ("--model-dir", str(models), "--model-control", "poll")
    with stand(folder, "tiny", control) as server:
        driving = server.drive(_RATE, scale.seconds)
        whole = server.load.file.read_bytes()
        (models / "noise.onnx").write_bytes(b"\x08\x07" + bytes(range(256)))
        (models / "cut.onnx").write_bytes(whole[: len(whole) // 2])
        (models / "empty.tw").mkdir()
        (models / "empty.tw" / "manifest.json").write_text("{")
        shutil.copy(server.load.file, models / "good.onnx")
        begin = time.perf_counter()
        while server.send("GET", "/v2/models/good/ready")[0] != 200:
            if time.perf_counter() > begin + 30:
                break
            time.sleep(0.05)
        found_s = time.perf_counter() - begin
        good, _ = server.send("GET", "/v2/models/good/ready")
        bad, _ = server.send("GET", "/v2/models/cut/ready")
        outcome = driving.outcome()
        return Finding(
            [
                Claim("the whole one is served", good == 200, f"{good}"),
                Claim("the broken one is not", bad != 200, f"{bad}"),
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
        body = server.request().partition(b"\r\n\r\n")[2]
        begin = time.perf_counter()
        status, _ = server.send("POST", f"/v2/models/{last}/infer", body)
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
