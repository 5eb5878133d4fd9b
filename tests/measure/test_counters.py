import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from tradewind.measure import Meter, Rapl
from tradewind.measure.energy.counters import Nvml, pynvml


def tell(folder: Path, name: str, used_uj: int, domain: str = "package-0") -> None:
    (folder / name).mkdir(exist_ok=True)
    (folder / name / "name").write_text(f"{domain}\n")
    (folder / name / "energy_uj").write_text(f"{used_uj}\n")
    (folder / name / "max_energy_range_uj").write_text("10000000\n")


def test_processors_are_counted_over_the_end_of_their_range(tmp_path: Path) -> None:
    tell(tmp_path, "intel-rapl:0", 9_000_000)
    tell(tmp_path, "intel-rapl:0:0", 1, "core")  # a part of the processor
    tell(tmp_path, "intel-rapl:1", 0)
    rapl = Rapl(tmp_path)
    assert rapl.joules() == {"0": 0, "1": 0}
    tell(tmp_path, "intel-rapl:0", 9_500_000)
    assert rapl.joules()["0"] == pytest.approx(0.5)
    tell(tmp_path, "intel-rapl:0", 250_000)
    tell(tmp_path, "intel-rapl:1", 2_000_000)
    assert rapl.joules() == {"0": pytest.approx(1.25), "1": pytest.approx(2)}


def test_memory_is_counted_beside_its_processor_and_the_whole_board_is_not(tmp_path: Path) -> None:
    tell(tmp_path, "intel-rapl:0", 0)
    tell(tmp_path, "intel-rapl:0:0", 0, "core")
    tell(tmp_path, "intel-rapl:0:1", 0, "dram")
    tell(tmp_path, "intel-rapl:1", 0, "psys")  # holds all of the above
    meter = Meter([Rapl(tmp_path, with_memory=True)])
    assert meter.parts == ("0", "0 memory")
    for name, domain in (("0", "package-0"), ("0:0", "core"), ("0:1", "dram"), ("1", "psys")):
        tell(tmp_path, f"intel-rapl:{name}", 3_000_000, domain)
    assert meter.joules() == pytest.approx(6)
    assert Rapl(tmp_path).joules().keys() == {"0"}


def test_a_board_alone_stands_for_its_processors(tmp_path: Path) -> None:
    tell(tmp_path, "intel-rapl:0", 0, "psys")
    assert Rapl(tmp_path).joules() == {"0": 0}


def test_a_counter_that_may_not_be_read_is_none(tmp_path: Path) -> None:
    (tmp_path / "intel-rapl:0").mkdir()
    assert Rapl(tmp_path).joules() == {}
    assert Rapl(tmp_path / "nothing").joules() == {}
    assert Meter([Rapl(tmp_path)]).joules() is None
    assert Meter([Rapl(tmp_path)]).idle_watts(0) is None


def test_a_part_that_no_longer_tells_makes_the_sum_unknown() -> None:
    told = {"0": 1.0, "1": 2.0}
    meter = Meter([SimpleNamespace(joules=lambda: told)])
    assert meter.joules() == 3
    del told["1"]
    assert meter.joules() is None


class _Library:
    """Answers as pynvml does, for two GPUs of which the second is removed."""

    class NVMLError(Exception):
        """What pynvml raises."""

    def __init__(self) -> None:
        self.used_mj = {0: 5_000, 1: 90_000}

    def nvmlInit(self) -> None:  # noqa: N802
        return None

    def nvmlDeviceGetCount(self) -> int:  # noqa: N802
        return len(self.used_mj)

    def nvmlDeviceGetHandleByIndex(self, number: int) -> int:  # noqa: N802
        return number

    def nvmlDeviceGetTotalEnergyConsumption(self, device: int) -> int:  # noqa: N802
        if device not in self.used_mj:
            raise self.NVMLError
        return self.used_mj[device]


def test_gpus_are_counted_since_the_counter_was_made() -> None:
    library = _Library()
    counter = Nvml(library)
    library.used_mj = {0: 7_000, 1: 90_500}
    assert counter.joules() == {"GPU 0": 2, "GPU 1": 0.5}
    meter = Meter([counter])
    library.used_mj = {0: 8_000}
    assert meter.joules() is None


def test_without_the_library_of_nvidia_there_are_no_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", None)
    assert pynvml() is None
    assert Nvml(pynvml()).joules() == {}
