from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar, final

from tests.search.stage import Clock, baseline, job, trial

from tradewind.bundle import Percentiles
from tradewind.bundle.manifest import read_manifest
from tradewind.engines import Engine
from tradewind.measure.roofline import Peaks, Rate, keep_peaks
from tradewind.model import Model
from tradewind.runners import Runner
from tradewind.search import Outcome, pack, standings
from tradewind.search.plans import Plan
from tradewind.search.settings import Deadline

PEAKS = Peaks({"f32": Rate(1e11, 9e10)}, Rate(2e10, 1e10), Rate(1e11, 9e10), 2**25)


def _outcome(left_s: float) -> Outcome:
    """Return a search that found a variant, with that much time left."""
    found = replace(job(), deadline=Deadline(-1000.0, 1000.0 + left_s, Clock()))
    original, good, quick = baseline(), trial("int8-onnxruntime", 0.2), trial("other", 0.3)
    good.percentiles = Percentiles(1.0, 2.0)  # `quick` was not timed with care
    return Outcome(found, original, good, "because", [original, good, quick])


def test_what_was_timed_is_compared_with_the_peaks(tmp_path: Path) -> None:
    outcome = _outcome(left_s=1000.0)
    keep_peaks(tmp_path, outcome.job.hardware, PEAKS)
    found = standings(outcome, tmp_path)
    assert found is not None
    assert found.peaks == PEAKS
    assert list(found.variants) == ["int8-onnxruntime", "original"]
    assert all(one.share and one.batch_size == 1 for one in found.variants.values())


@final
@dataclass(frozen=True)
class _Broken(Engine):
    """An engine whose failures are no errors of ours."""

    name: ClassVar[str] = "broken"

    @classmethod
    def version(cls) -> str:
        return "1"

    @property
    def label(self) -> str:
        return "Broken"

    def compile(self, model: Model) -> Runner:
        raise ZeroDivisionError


def test_what_breaks_is_left_out(tmp_path: Path) -> None:
    outcome = _outcome(left_s=1000.0)
    keep_peaks(tmp_path, outcome.job.hardware, PEAKS)
    outcome.chosen.plan = Plan.alone(outcome.chosen.plan.last.graph, _Broken())
    found = standings(outcome, tmp_path)
    assert found is not None
    assert list(found.variants) == ["original"]


def test_nothing_is_begun_when_no_time_is_left(tmp_path: Path) -> None:
    outcome = _outcome(left_s=1.0)
    keep_peaks(tmp_path, outcome.job.hardware, PEAKS)
    assert standings(outcome, tmp_path) is None


def test_whoever_ends_a_search_does_not_wait_for_it(tmp_path: Path) -> None:
    outcome = replace(_outcome(left_s=1000.0), was_interrupted=True)
    keep_peaks(tmp_path, outcome.job.hardware, PEAKS)
    assert standings(outcome, tmp_path) is None


def test_peaks_are_not_measured_when_there_is_little_time(tmp_path: Path) -> None:
    assert standings(_outcome(left_s=4.0), tmp_path) is None
    assert not (tmp_path / "peaks").exists()


def test_a_manifest_carries_it_and_older_ones_go_without(tmp_path: Path) -> None:
    outcome = _outcome(left_s=1000.0)
    keep_peaks(tmp_path, outcome.job.hardware, PEAKS)
    bare, _ = pack(outcome, "tradewind optimize")
    manifest = replace(bare, roofline=standings(outcome, tmp_path))
    assert read_manifest(manifest.to_json(), "x") == manifest
    assert read_manifest(bare.to_json(), "x").roofline is None
