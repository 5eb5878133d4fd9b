"""Bundles that somebody sealed anew after changing them by chance."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.cli.samples import write_by_hand, write_sample

from tradewind.bundle import open_bundle, seal
from tradewind.errors import TradewindError

ODD: tuple[Any, ...] = (None, -1, 1e308, "", "../../etc/passwd", "/etc/passwd", [], {}, True, [[]])


@pytest.fixture
def bundle(tmp_path: Path, random: np.random.Generator) -> Path:
    (tmp_path / "bundles").mkdir()
    return write_by_hand(tmp_path / "bundles", write_sample(tmp_path, random).model)


def places(value: Any) -> list[tuple[Any, Any]]:
    """Return every container with each of its keys."""
    found: list[tuple[Any, Any]] = []
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, inner in list(items):
        found.append((value, key))
        if isinstance(inner, dict | list):
            found += places(inner)
    return found


def test_a_manifest_with_odd_values_is_refused_or_answers(
    bundle: Path, random: np.random.Generator
) -> None:
    path = bundle / "manifest.json"
    good = path.read_text()
    refused = 0
    for _ in range(150):
        manifest = json.loads(good)
        where, key = (all_ := places(manifest))[int(random.integers(len(all_)))]
        where[key] = ODD[int(random.integers(len(ODD)))]
        path.write_text(json.dumps(manifest))
        seal(bundle)
        try:
            opened = open_bundle(bundle)
            opened.model(opened.manifest.chosen)
        except TradewindError:
            refused += 1
    assert refused


def test_a_seal_of_noise_is_refused_or_fits(bundle: Path, random: np.random.Generator) -> None:
    path = bundle / "SEAL"
    good = path.read_bytes()
    for _ in range(100):
        noisy = bytearray(good)
        noisy[int(random.integers(len(noisy)))] ^= int(random.integers(1, 256))
        path.write_bytes(noisy)
        with pytest.raises(TradewindError):
            open_bundle(bundle)


def test_a_link_out_of_the_bundle_is_not_followed(bundle: Path, tmp_path: Path) -> None:
    path = bundle / "models" / "original.onnx"
    outside = tmp_path / "outside.onnx"
    path.rename(outside)
    path.symlink_to(outside)
    seal(bundle)
    opened = open_bundle(bundle)
    with pytest.raises(TradewindError, match="inside the bundle"):
        opened.model(opened.manifest.chosen)
