"""What Tradewind itself makes of a case."""

import shutil
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import final

from benchmarks.optimizers.prepared import OBJECTIVES, Objective, Prepared

from tradewind.bundle import Bundle, open_bundle, write_bundle
from tradewind.importers import load_model
from tradewind.search import Cache, SearchSettings, optimize, pack, texts


@final
@dataclass(frozen=True)
class Found:
    """The bundle of one search.

    Args:
        objective: what it was to improve.
        bundle: what it wrote.
        took_s: how long it took.
    """

    objective: Objective
    bundle: Bundle
    took_s: float


def search(
    prepared: Prepared, settings: SearchSettings, *, is_reused: bool
) -> dict[Objective, Found]:
    """Search for the lowest latency and for the highest throughput.

    The second search is spared the graphs that the first has made. Neither knows of an earlier
    run, whose quick timings may have been taken while the machine did something else.

    Args:
        prepared: the model with its examples.
        settings: how long and how hard each search is.
        is_reused: whether a bundle that is there will do.
    """
    with tempfile.TemporaryDirectory(prefix="tradewind-") as name:
        cache = Cache(Path(name))
        return {
            objective: search_once(
                prepared, objective, settings, cache, objective, is_reused=is_reused
            )
            for objective in OBJECTIVES
        }


def search_once(
    prepared: Prepared,
    objective: Objective,
    settings: SearchSettings,
    cache: Cache,
    name: str,
    *,
    is_reused: bool,
) -> Found:
    """Return the bundle of one search.

    Args:
        prepared: the model with its examples.
        objective: what is to improve.
        settings: how long and how hard the search is.
        cache: what it may use again.
        name: of the bundle, in the folder of the case.
        is_reused: whether a bundle that is there will do.
    """
    target = prepared.folder / f"{name}.tw"
    if not (is_reused and target.exists()):
        shutil.rmtree(target, ignore_errors=True)
        begin = time.monotonic()
        model = load_model(prepared.file)
        outcome = optimize(
            model, prepared.dataset, prepared.budget(objective), settings, cache=cache
        )
        manifest, models = pack(outcome, "python benchmarks/optimizers/run.py")
        write_bundle(target, manifest, models, "", texts(outcome))
        took_s = time.monotonic() - begin
        (prepared.folder / f"{name}.seconds").write_text(f"{took_s:.1f}")
    seconds = (prepared.folder / f"{name}.seconds").read_text()
    return Found(objective, open_bundle(target), float(seconds))
