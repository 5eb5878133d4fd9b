from dataclasses import replace

from tests.cases.manifests import CHOSEN, MANIFEST, ORIGINAL
from tests.report.test_terminal import flat, printed

from tradewind.bundle import Manifest, Percentiles
from tradewind.report import page
from tradewind.report.spread import kept


def _manifest() -> Manifest:
    timed = replace(ORIGINAL, latency_ms=Percentiles(10.0, 20.0), throughput_per_s=100.0)
    small = replace(CHOSEN, variant="small", size_bytes=10, latency_ms=Percentiles(5.0, 9.0))
    return replace(MANIFEST, baseline=timed, variants=(timed, CHOSEN, small))


def test_what_else_is_kept_is_told_with_what_it_is_best_in() -> None:
    told = kept(_manifest())
    assert (
        told == "original-openvino (chosen, best in latency and throughput); small (best in size)."
    )
    assert flat(told) in flat(printed(_manifest(), 100))
    assert told in page(_manifest())


def test_where_nothing_else_is_kept_nothing_is_told() -> None:
    alone = replace(MANIFEST, variants=(ORIGINAL, CHOSEN))
    assert kept(alone) == ""
    assert "Kept" not in printed(alone, 100)
