from pathlib import Path

import pytest

from tradewind.serve.observing.power import Rapl


def tell(folder: Path, name: str, used_uj: int) -> None:
    (folder / name).mkdir(exist_ok=True)
    (folder / name / "energy_uj").write_text(f"{used_uj}\n")
    (folder / name / "max_energy_range_uj").write_text("10000000\n")


def test_processors_are_counted_over_the_end_of_their_range(tmp_path: Path) -> None:
    tell(tmp_path, "intel-rapl:0", 9_000_000)
    tell(tmp_path, "intel-rapl:0:0", 1)  # a part of the processor
    tell(tmp_path, "intel-rapl:1", 0)
    rapl = Rapl(tmp_path)
    assert rapl.joules() == {"0": 0, "1": 0}
    tell(tmp_path, "intel-rapl:0", 9_500_000)
    assert rapl.joules()["0"] == pytest.approx(0.5)
    tell(tmp_path, "intel-rapl:0", 250_000)
    tell(tmp_path, "intel-rapl:1", 2_000_000)
    assert rapl.joules() == {"0": pytest.approx(1.25), "1": pytest.approx(2)}


def test_a_counter_that_may_not_be_read_is_none(tmp_path: Path) -> None:
    (tmp_path / "intel-rapl:0").mkdir()
    assert Rapl(tmp_path).joules() == {}
    assert Rapl(tmp_path / "nothing").joules() == {}
