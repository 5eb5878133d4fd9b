import logging
import random
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pyarrow.parquet as pq
import pytest
from tests.serve.observing.accounts import answered

from tradewind.errors import SettingError
from tradewind.serve.observing import Account
from tradewind.serve.observing.capture import Capture, Files, Sampling
from tradewind.serve.observing.captured import PATTERN, Row, read
from tradewind.serve.observing.recorder import Recorder


def rows(settings: Capture, accounts: list[Account]) -> list[Row]:
    """Return what would be written for some requests."""
    seen: list[Row] = []

    class Into:
        def drop(self) -> None:
            raise AssertionError

        def put(self, row: Row, size_bytes: int) -> None:
            assert size_bytes == row.size_bytes
            seen.append(row)

    sampling = Sampling(settings, Into())  # type: ignore[arg-type]
    for account in accounts:
        sampling(account)
    return seen


def size_of(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.iterdir())


def test_every_datatype_is_read_back_as_it_was(tmp_path: Path) -> None:
    seed = random.randrange(2**32)
    print("seed", seed)
    draw = np.random.default_rng(seed)
    inputs = {
        "numbers": draw.normal(size=(2, 3)).astype(np.float32),
        "brief": draw.normal(size=(4,)).astype(ml_dtypes.bfloat16),
        "whole": draw.integers(-9, 9, (2, 2, 2)).astype(np.int16),
        "truth": np.array([True, False]),
        "none": np.zeros((0, 5), np.float64),
        "text": np.array([["naïve", ""]], object),
        "turned": draw.normal(size=(3, 2)).T,
    }
    settings = Capture(tmp_path, rate=1)
    files = Files(settings)
    assert files.write(rows(settings, [answered(7, inputs)])) == 0
    assert files.close() == 0
    (found,) = read(tmp_path)
    assert (found.model, found.version, found.request_id) == ("m", "1", "number 7")
    assert found.time == datetime.fromtimestamp(1.75e9 + 7, UTC)
    assert found.queue_ms == pytest.approx(2)
    assert found.compute_ms == pytest.approx(3)
    for name, wanted in inputs.items():
        array = found.inputs[name]
        assert array is not None
        assert array.shape == wanted.shape
        if name == "text":
            assert array.tolist() == [["naïve".encode(), b""]]
        else:
            assert array.dtype == wanted.dtype
            np.testing.assert_array_equal(array, wanted)
    np.testing.assert_array_equal(found.outputs["y"], [7, -7])


def test_what_is_redacted_is_not_on_the_disk(tmp_path: Path) -> None:
    secret = np.array(["correct horse battery staple"], object)
    settings = Capture(tmp_path, rate=1, redact=("password", "y"))
    files = Files(settings)
    files.write(rows(settings, [answered(1, {"password": secret, "x": np.zeros(3, np.int8)})]))
    files.close()
    (found,) = read(tmp_path)
    assert found.inputs["password"] is None
    assert found.inputs["x"] is not None
    assert found.outputs["y"] is None
    for path in tmp_path.iterdir():
        assert b"horse" not in path.read_bytes()


def test_what_the_client_changes_afterwards_is_captured_as_it_was(tmp_path: Path) -> None:
    shared = np.ones(4, np.float32)
    (row,) = rows(Capture(tmp_path, rate=1), [answered(1, {"x": shared})])
    shared[:] = 5
    assert row.inputs[0]["data"] == np.ones(4, np.float32).tobytes()


def test_about_the_stated_share_is_captured(tmp_path: Path) -> None:
    found = rows(Capture(tmp_path, rate=0.25), [answered(n) for n in range(4000)])
    # six standard deviations: fails once in a billion runs
    assert abs(len(found) - 1000) < 6 * (4000 * 0.25 * 0.75) ** 0.5


def test_a_request_without_an_answer_is_not_captured(tmp_path: Path) -> None:
    account = answered(1)
    account.outputs = None
    assert rows(Capture(tmp_path, rate=1), [account]) == []


def noisy(number: int, size: int) -> Account:
    data = np.frombuffer(random.randbytes(size), np.uint8)  # does not get smaller when packed
    return answered(number, {"x": data})


def test_the_files_stay_within_the_bound_and_the_newest_remain(tmp_path: Path) -> None:
    settings = Capture(tmp_path, rate=1, max_bytes=2**20)
    (tmp_path / "mine.txt").write_text("not yours")
    for life in range(3):  # a restart goes on where the last one ended
        files = Files(settings)
        for number in range(100):
            account = noisy(1000 * life + number, 10_000)
            assert files.write(rows(settings, [account])) == 0
            assert size_of(tmp_path) <= settings.max_bytes + len("not yours")
        assert files.close() == 0
    ids = [int(one.request_id.removeprefix("number ")) for one in read(tmp_path)]
    kept = [1000 * life + number for life in range(3) for number in range(100)][-len(ids) :]
    assert ids == kept
    assert len(ids) > 80  # of 1 MiB in requests of 10 kB
    assert (tmp_path / "mine.txt").exists()


def test_several_workers_stay_within_one_bound(tmp_path: Path) -> None:
    settings = Capture(tmp_path, rate=1, max_bytes=2**20)
    largest: list[int] = []

    def measured(table: Any, path: Path) -> None:
        pq.write_table(table, path)
        largest.append(size_of(tmp_path))  # with the file that is not renamed yet

    def work() -> None:
        files = Files(settings, measured)
        for number in range(100):
            assert files.write(rows(settings, [noisy(number, 10_000)])) == 0

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(120)
    assert len(largest) > 20
    assert max(largest) <= settings.max_bytes


def test_a_file_that_another_worker_finishes_meanwhile_is_left_to_it(tmp_path: Path) -> None:
    # it is seen, but not there any more when its age is asked for
    (tmp_path / ".captured-1-1-0.parquet.part").symlink_to(tmp_path / "gone")
    files = Files(Capture(tmp_path, rate=1))
    assert files.write(rows(Capture(tmp_path, rate=1), [answered(1)])) == 0
    assert files.close() == 0
    assert [one.request_id for one in read(tmp_path)] == ["number 1"]


def test_a_request_larger_than_a_file_may_be_is_lost_alone(tmp_path: Path) -> None:
    settings = Capture(tmp_path, rate=1, max_bytes=2**20)
    files = Files(settings)
    found = rows(Capture(tmp_path, rate=1), [answered(1), noisy(2, 2**20), answered(3)])
    assert files.write(found) == 1
    assert files.close() == 0
    assert [one.request_id for one in read(tmp_path)] == ["number 1", "number 3"]


def test_what_fits_into_no_file_is_not_even_copied(tmp_path: Path) -> None:
    settings = Capture(tmp_path, rate=1, max_bytes=2**20)
    recorder = Recorder(Files(settings), 10)
    Sampling(settings, recorder)(noisy(1, 2**20))
    assert recorder.dropped == 1
    recorder.close(60)
    assert list(read(tmp_path)) == []


def test_a_full_disk_ends_the_capture_with_one_line(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def full(table: Any, path: Path) -> None:
        path.write_bytes(b"half of it")
        raise OSError(28, "No space left on device")

    settings = Capture(tmp_path, rate=1, max_bytes=2**20)
    recorder = Recorder(Files(settings, full), 10_000)
    sampling = Sampling(settings, recorder)
    with caplog.at_level(logging.ERROR, "tradewind.serve"):
        for number in range(100):
            sampling(noisy(number, 10_000))
        recorder.close(60)
    assert recorder.dropped == 100
    assert [record.getMessage() for record in caplog.records] == [
        "capturing has ended, the server goes on: [Errno 28] No space left on device"
    ]
    assert list(tmp_path.iterdir()) == []


def test_files_appear_whole(tmp_path: Path) -> None:
    settings = Capture(tmp_path, rate=1, max_bytes=2**20)
    seen: list[list[Path]] = []

    def watching(table: Any, path: Path) -> None:
        path.write_bytes(b"half of it")
        seen.append(list(tmp_path.glob(PATTERN)))

    files = Files(settings, watching)
    files.write(rows(settings, [answered(1)]))
    files.close()
    assert seen == [[]]
    assert len(list(tmp_path.glob(PATTERN))) == 1


@pytest.mark.parametrize("changed", [{"rate": 0.0}, {"rate": 1.5}, {"max_bytes": 10}])
def test_settings_out_of_range_are_refused(tmp_path: Path, changed: dict[str, Any]) -> None:
    with pytest.raises(SettingError):
        Capture(tmp_path, **changed)


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingError, match="folder"):
        Files(Capture(tmp_path / "file" / "folder"))
