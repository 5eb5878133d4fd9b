import os
import threading
from pathlib import Path

import numpy as np
import pytest

from tradewind.search.cache import Cache, Entry, key_of


def _entry(size: int) -> Entry:
    return Entry({"size": size}, {"content": bytes(size)})


def _files(cache: Cache) -> list[Path]:
    return [path for path in cache.folder.rglob("*") if path.is_file()]


def test_what_was_kept_is_found_by_another_search(tmp_path: Path) -> None:
    key = key_of({"a": 1, "b": [2.5, None]})
    Cache(tmp_path / "new" / "folder").put(key, _entry(1000))
    other = Cache(tmp_path / "new" / "folder")
    assert other.get(key_of({"b": [2.5, None], "a": 1})) == _entry(1000)
    assert other.get(key_of({"a": 1})) is None
    assert other.size_bytes > 1000


def test_a_damaged_entry_counts_as_missing_and_is_replaced(
    tmp_path: Path, random: np.random.Generator
) -> None:
    cache, key = Cache(tmp_path), key_of({"one": 1})
    cache.put(key, _entry(100))
    [path] = _files(cache)
    content = bytearray(path.read_bytes())
    content[random.integers(len(content))] ^= 1
    for damaged in (bytes(content), bytes(content[:20]), b""):
        path.write_bytes(damaged)
        assert cache.get(key) is None
        assert _files(cache) == []
        cache.put(key, _entry(100))
        assert cache.get(key) == _entry(100)


def test_what_was_used_least_recently_goes_first(tmp_path: Path) -> None:
    cache = Cache(tmp_path, max_bytes=5000)
    keys = [key_of({"number": number}) for number in range(4)]
    for number, key in enumerate(keys):
        cache.put(key, _entry(1000))
        os.utime(tmp_path / key[:2] / key, (number + 1, number + 1))
    assert cache.get(keys[0]) is not None  # used just now
    cache.put(key_of({"number": 4}), _entry(1200))
    assert cache.size_bytes <= 5000
    assert cache.get(keys[1]) is None
    assert cache.get(keys[0]) is not None


def test_what_would_fill_the_cache_alone_is_not_kept(tmp_path: Path) -> None:
    cache, key = Cache(tmp_path, max_bytes=1000), key_of({})
    cache.put(key, _entry(900))
    assert cache.get(key) is None


def test_a_cache_that_cannot_be_written_keeps_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    cache, key = Cache(tmp_path / "file" / "cache"), key_of({})
    cache.put(key, _entry(10))
    assert cache.get(key) is None
    assert cache.size_bytes == 0


def test_a_full_disk_leaves_what_was_there(small_disk: Path) -> None:
    cache = Cache(small_disk)
    cache.put(key_of({"first": 1}), _entry(1000))
    cache.put(key_of({"second": 1}), _entry(2_000_000))
    assert cache.get(key_of({"first": 1})) == _entry(1000)
    assert cache.get(key_of({"second": 1})) is None
    assert cache.size_bytes < 10_000


def test_searches_at_once_disturb_each_other_never(tmp_path: Path) -> None:
    keys = [key_of({"number": number}) for number in range(8)]
    wrong: list[object] = []

    def work() -> None:
        cache = Cache(tmp_path, max_bytes=6000)
        for _ in range(5):
            for key in keys:
                cache.put(key, _entry(1000))
                if cache.get(key) not in (None, _entry(1000)):
                    wrong.append(key)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_what_a_killed_search_began_to_write_is_removed_in_time(tmp_path: Path) -> None:
    cache, key = Cache(tmp_path), key_of({})
    cache.put(key, _entry(10))
    left = tmp_path / key[:2] / ".begun"
    left.write_bytes(b"half of it")
    cache.put(key, _entry(10))
    assert left.exists()  # another search may be writing it
    os.utime(left, (1, 1))
    cache.put(key, _entry(10))
    assert not left.exists()


@pytest.mark.parametrize("count", [1, 3])
def test_clearing_forgets_everything(count: int, tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    for number in range(count):
        cache.put(key_of({"number": number}), _entry(10))
    cache.clear()
    assert _files(cache) == []
