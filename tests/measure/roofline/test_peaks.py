from dataclasses import replace
from pathlib import Path

import pytest

from tradewind.engines import OpenVINO
from tradewind.measure import this_machine
from tradewind.measure.roofline import (
    Peaks,
    Rate,
    better_of,
    keep_peaks,
    known_peaks,
    measure_peaks,
)

PEAKS = Peaks({"f32": Rate(2e9, 1e9)}, Rate(1e8, 1e8), Rate(1e9, 1e9), 10**6)


def test_peaks_are_measured_for_every_arithmetic_of_this_cpu() -> None:
    found = measure_peaks(hurry=True)
    assert set(found.macs_per_s) == {*OpenVINO.precisions(), "int8"}
    for rate in (*found.macs_per_s.values(), found.memory, found.cache):
        assert rate.best >= rate.median > 0
    assert found.cache_bytes >= 2**15


def test_peaks_are_kept_for_machines_like_this(tmp_path: Path) -> None:
    machine = this_machine()
    assert known_peaks(tmp_path, machine) is None
    keep_peaks(tmp_path, machine, PEAKS)
    assert known_peaks(tmp_path, machine) == PEAKS
    assert known_peaks(tmp_path, replace(machine, cores=machine.cores + 1)) is None


def test_a_damaged_file_is_measured_again(tmp_path: Path) -> None:
    keep_peaks(tmp_path, this_machine(), PEAKS)
    (path,) = (tmp_path / "peaks").iterdir()
    path.write_bytes(path.read_bytes()[:-5])
    assert known_peaks(tmp_path, this_machine()) is None


def test_a_place_that_cannot_be_written_to_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "peaks").write_text("a file where the folder should be")
    keep_peaks(tmp_path, this_machine(), PEAKS)
    assert known_peaks(tmp_path, this_machine()) is None


def test_of_two_measurements_the_better_counts_rate_by_rate() -> None:
    other = replace(PEAKS, macs_per_s={"f32": Rate(1e9, 1e9)}, memory=Rate(3e8, 2e8))
    assert better_of(PEAKS, other) == replace(PEAKS, memory=Rate(3e8, 2e8))
    assert better_of(PEAKS, None) == PEAKS


def test_an_arithmetic_that_was_not_measured_is_as_fast_as_f32() -> None:
    assert PEAKS.macs_in("bf16") == pytest.approx(2e9)
