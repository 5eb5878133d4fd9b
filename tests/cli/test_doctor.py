import tomllib
from pathlib import Path

from tests.cli.child import tradewind
from tests.cli.conftest import Quick

from tradewind import __version__
from tradewind.engines import ENGINES


def test_doctor_prints_one_document() -> None:
    done = tradewind("doctor", "--json")
    assert (done.code, done.err) == (0, "")
    found = done.document
    assert found["tradewind"] == __version__
    assert found["hardware"]["cores"] >= 1
    assert set(found["hardware"]["engines"]) == {engine.name for engine in ENGINES}
    assert "f32" in found["arithmetic"]


def test_doctor_tells_a_person_the_same(quick: Quick) -> None:
    done = quick("doctor")
    assert (done.code, done.err) == (0, "")
    for word in ("CPU", "instructions", "memory", *(engine.name for engine in ENGINES)):
        assert word in done.out


def test_doctor_knows_every_extra(quick: Quick) -> None:
    project = Path(__file__).parents[2] / "pyproject.toml"
    known = tomllib.loads(project.read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    extras = quick("doctor", "--json").document["extras"]
    assert set(extras) == set(known)
    told = quick("doctor").out
    for name, there in extras.items():
        assert f"extra {name} " in told
        assert (f'"tradewind[{name}]"' in told) != there


def test_doctor_names_the_same_arithmetic_to_programs(quick: Quick) -> None:
    found = quick("doctor", "--json").document
    told = quick("doctor").out
    assert ", ".join(found["arithmetic"]) in told
    assert found["arithmetic"][-1] == "int8"
    assert found["nncf"] in told
