from dataclasses import replace
from pathlib import Path

import pytest
from tests.cases import DENSE
from tests.cases.manifests import GRAPH, MANIFEST
from tests.cli.conftest import Quick
from tests.cli.samples import Sample

from tradewind.bundle import open_bundle, write_bundle
from tradewind.measure import this_machine
from tradewind.measure.roofline import (
    GroupLoad,
    LayerGroup,
    Peaks,
    Rate,
    Roofline,
    Standings,
    keep_peaks,
)

PEAKS = Peaks({"f32": Rate(1e11, 9e10)}, Rate(2e10, 1e10), Rate(1e11, 9e10), 2**25)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder of what Tradewind keeps."""
    folder = tmp_path / "home"
    monkeypatch.setenv("TRADEWIND_HOME", str(folder))
    return folder


def test_inspect_measures_no_peaks_unless_asked(home: Path, sample: Sample, quick: Quick) -> None:
    assert quick("inspect", sample.model, "--json").document["roofline"] is None
    assert not (home / "peaks").exists()


def test_inspect_shows_limits_once_peaks_are_known(
    home: Path, sample: Sample, quick: Quick
) -> None:
    keep_peaks(home, this_machine(), PEAKS)
    found = quick("inspect", sample.model, "--json").document["roofline"]["variants"]["at best"]
    assert found["measured_ms"] is None
    assert [(one["group"], one["macs"]) for one in found["groups"]] == [("dense", 24)]
    assert "at this machine's limit" in quick("inspect", sample.model).out


def test_inspect_runs_the_model_when_asked(home: Path, sample: Sample, quick: Quick) -> None:
    keep_peaks(home, this_machine(), PEAKS)
    variants = quick("inspect", sample.model, "--roofline", "--json").document["roofline"][
        "variants"
    ]
    assert set(variants) == {"ONNX Runtime", "OpenVINO (batch 1)"}
    for one in variants.values():
        assert one["measured_ms"] > 0
        assert any(load["group"] == "dense" and load["measured_ms"] for load in one["groups"])


def test_inspect_shows_what_a_bundle_says(home: Path, tmp_path: Path, quick: Quick) -> None:
    load = GroupLoad(LayerGroup.DENSE, 24, 200, "f32", 0.001, 0.002)
    known = Standings(PEAKS, {"original": Roofline(1, 0.001, (load,), 0.004)})
    target = tmp_path / "dense.tw"
    write_bundle(target, replace(MANIFEST, roofline=known), {GRAPH: DENSE.model}, "<p>report</p>")
    found = quick("inspect", target)
    assert "original: 0.004 ms, at 25% of this machine's limit (0.001 ms)" in found.out
    document = quick("inspect", target, "--json").document
    assert document["roofline"]["variants"]["original"]["groups"][0]["group"] == "dense"


def test_inspect_runs_the_variants_of_a_bundle(home: Path, bundle: Path, quick: Quick) -> None:
    keep_peaks(home, this_machine(), PEAKS)
    found = quick("inspect", bundle, "--roofline", "--json").document["roofline"]
    manifest = open_bundle(bundle).manifest
    assert set(found["variants"]) == {manifest.baseline.variant, manifest.chosen.variant}
    assert all(one["measured_ms"] > 0 for one in found["variants"].values())


def test_doctor_shows_the_peaks_that_are_known(home: Path, quick: Quick) -> None:
    assert quick("doctor", "--json").document["peaks"] is None
    keep_peaks(home, this_machine(), PEAKS)
    assert quick("doctor", "--json").document["peaks"]["macs_per_s"]["f32"]["best"] == 1e11
    assert "100.0 billion multiply-adds/s (median 90.0)" in quick("doctor").out
