from pathlib import Path

import pytest
from benchmarks.serving.trouble import Fault, Scale
from benchmarks.serving.trouble.connections import HALF_OPEN, IDLE, SLOW_LORIS
from benchmarks.serving.trouble.directory import CORRUPT, MANY_MODELS, RELOAD
from benchmarks.serving.trouble.disk import FULL_DISK
from benchmarks.serving.trouble.ending import KILLED_WORKER, SIGTERM
from benchmarks.serving.trouble.overload import OVERLOAD

SMALL = Scale(seconds=2, overload_s=3, clients=20, idle=200, models=20)
FAULTS = (
    *(OVERLOAD, SLOW_LORIS, HALF_OPEN, IDLE, SIGTERM, KILLED_WORKER),
    *(RELOAD, CORRUPT, MANY_MODELS, FULL_DISK),
)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_the_server_keeps_its_promises_in_trouble(fault: Fault, tmp_path: Path) -> None:
    if missing := fault.missing():
        pytest.skip(f"here is no {missing}")
    finding = fault.run(tmp_path, SMALL)
    assert finding.claims
    broken = [claim for claim in finding.claims if not claim.is_kept and not claim.is_timed]
    assert not broken, finding.outcome
