import json
from pathlib import Path

import pytest
from tests.cli.child import tradewind
from tests.cli.conftest import Quick

from tradewind.bundle import seal


def test_verify_of_an_intact_bundle_says_so(bundle: Path) -> None:
    done = tradewind("verify", bundle, "--json")
    assert done.code == 0, done.err
    found = done.document
    assert found["intact"]
    assert not found["certified"]
    assert found["differences"] == []
    assert found["chosen"]["variant"] == "original"


def test_verify_says_why_there_is_no_certificate(bundle: Path, quick: Quick) -> None:
    done = quick("verify", bundle)
    assert done.code == 0
    assert "every byte is as it was written" in done.out
    assert "No certificate: made by hand" in done.out


@pytest.mark.parametrize("name", ["models/original.onnx", "manifest.json", "report.html", "SEAL"])
def test_a_flipped_byte_is_found_and_named(name: str, bundle: Path, quick: Quick) -> None:
    path = bundle / name
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    done = quick("verify", bundle, "--json")
    assert done.code == 2
    error = done.document["error"]
    assert error["kind"] == "BundleError"
    assert name in error["got"]
    assert error["hint"]


def test_a_missing_file_is_named(bundle: Path, quick: Quick) -> None:
    (bundle / "report.html").unlink()
    done = quick("verify", bundle)
    assert done.code == 2
    assert "report.html: missing" in done.err


def test_a_file_that_was_added_is_named(bundle: Path, quick: Quick) -> None:
    (bundle / "models" / "extra.onnx").write_bytes(b"x")
    done = quick("verify", bundle)
    assert done.code == 2
    assert "models/extra.onnx: not part of the bundle" in done.err


def test_another_machine_is_told_apart(bundle: Path, quick: Quick) -> None:
    manifest = json.loads((bundle / "manifest.json").read_text())
    manifest["hardware"]["isa"] = ["sse4_2"]
    (bundle / "manifest.json").write_text(json.dumps(manifest))
    seal(bundle)
    found = quick("verify", bundle, "--json").document
    assert found["intact"]
    assert not found["valid_here"]
    assert "instruction set" in found["differences"][0]


def test_a_bundle_of_a_newer_schema_says_to_upgrade(bundle: Path, quick: Quick) -> None:
    manifest = json.loads((bundle / "manifest.json").read_text())
    manifest["schema"] = 99
    (bundle / "manifest.json").write_text(json.dumps(manifest))
    seal(bundle)
    done = quick("verify", bundle)
    assert done.code == 2
    assert "pip install -U tradewind" in done.err


@pytest.mark.parametrize("what", ["nothing", "a file", "a folder"])
def test_what_is_no_bundle_is_refused(what: str, tmp_path: Path, quick: Quick) -> None:
    path = tmp_path / "thing.tw"
    if what == "a file":
        path.write_bytes(b"x")
    elif what == "a folder":
        path.mkdir()
    done = quick("verify", path)
    assert done.code == 2
    assert str(path) in done.err


def test_the_bound_is_the_one_that_the_report_shows(bundle: Path, quick: Quick) -> None:
    manifest = json.loads((bundle / "manifest.json").read_text())
    manifest["chosen"]["certificate"] = {
        "certified": True, "kind": "labels", "metric": "accuracy", "max_drop": 0.02,
        "confidence": 0.975, "n": 1224, "worse": 5, "better": 4, "drop": 1 / 1224,
        "drop_upper": 0.00541, "p_value": 1e-5, "examples_needed": None,
    }  # fmt: skip
    (bundle / "manifest.json").write_text(json.dumps(manifest))
    seal(bundle)
    told = " ".join(quick("verify", bundle).out.split())
    assert "on 1,224 examples, with 97.5% confidence the accuracy drop is at most 0.55%" in told
    assert "2% was allowed" in told
