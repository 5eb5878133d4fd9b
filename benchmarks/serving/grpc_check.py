"""One call over gRPC with a real client, before h2load counts what it cannot read."""

import base64
import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Final

import numpy as np
from benchmarks.serving.closed_loop import GRPC_PATH
from benchmarks.serving.posts import protocol_grpc
from benchmarks.serving.workloads import Workload

from tradewind.errors import EngineError
from tradewind.importers import install
from tradewind.importers.environments import Environment

ENVIRONMENT: Final = Environment("peer-grpc", "grpc", ("tritonclient[grpc]==2.73.0",))
_SCRIPT = Path(__file__).parent / "peers" / "apps" / "grpc_call.py"


def check_grpc(address: str, load: Workload, say: Callable[[str], None]) -> None:
    """Ask once.

    Raises:
        EngineError: the answer is another one than that of the bare engine.
    """
    if not ENVIRONMENT.is_installed:
        install(ENVIRONMENT, say)
    sent = base64.b64encode(protocol_grpc(load)).decode()
    command = [str(ENVIRONMENT.python), str(_SCRIPT), address, GRPC_PATH]
    told = subprocess.run(
        command, input=sent, capture_output=True, text=True, timeout=60, check=False
    )
    if told.returncode:
        raise EngineError(address, "an answer over gRPC", told.stderr.strip()[-300:])
    data = base64.b64decode(json.loads(told.stdout)["raw"])
    found = np.frombuffer(data, load.answer.dtype).reshape(load.answer.shape)
    if not np.allclose(found, load.answer, rtol=1e-3, atol=1e-3):
        raise EngineError(address, f"{load.answer}", f"{found}")
