"""The options about results of earlier searches."""

from pathlib import Path

import pytest
from tests.cli.conftest import Quick

from tradewind.cli.remembering import own_cache
from tradewind.importers.environments import HOME
from tradewind.search import Cache
from tradewind.search.cache import Entry, key_of


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cache:
    """The cache of searches that are told of no other, with something in it."""
    monkeypatch.setenv(HOME, str(tmp_path / "home"))
    cache = own_cache()
    assert tmp_path in cache.folder.parents
    cache.put(key_of({}), Entry({}, {"graph": bytes(5000)}))
    return cache


def test_doctor_tells_how_much_is_kept(kept: Cache, quick: Quick) -> None:
    found = quick("doctor", "--json").document["cache"]
    assert found == {"folder": str(kept.folder), "size_bytes": kept.size_bytes}
    assert found["size_bytes"] > 5000


def test_doctor_forgets_it_when_told_to(kept: Cache, quick: Quick) -> None:
    assert quick("doctor", "--clear-cache", "--json").document["cache"]["size_bytes"] == 0
    assert kept.get(key_of({})) is None


def test_a_cache_is_a_folder(tmp_path: Path, quick: Quick) -> None:
    (tmp_path / "file").write_text("no folder")
    given = ("--data", "data.npz", "--cache", tmp_path / "file")
    done = quick("optimize", tmp_path / "model.onnx", *given)
    assert (done.code, "--cache: expected a folder" in done.err) == (2, True)
