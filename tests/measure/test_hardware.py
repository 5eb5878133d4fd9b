import os
from dataclasses import replace

from tradewind.engines import ENGINES
from tradewind.measure import this_machine


def test_the_fingerprint_is_the_same_every_time() -> None:
    assert this_machine() == this_machine()
    assert this_machine().differences(this_machine()) == []


def test_the_fingerprint_names_what_is_there() -> None:
    machine = this_machine()
    assert machine.cpu
    assert machine.system
    assert machine.memory_bytes > 2**28
    assert machine.engines == {kind.name: kind.version() for kind in ENGINES}
    assert 1 <= machine.cores <= (os.cpu_count() or 1)


def test_what_changes_rounding_is_a_difference_and_what_does_not_is_none() -> None:
    here = this_machine()
    assert here.differences(replace(here, cores=here.cores + 1, memory_bytes=1)) == []
    assert "instruction set" in here.differences(replace(here, isa=("sse4_2",)))[0]
    assert "became Abacus" in here.differences(replace(here, cpu="Abacus"))[0]
    older = dict.fromkeys(here.engines, "0.1")
    assert len(here.differences(replace(here, engines=older))) == len(ENGINES)
    gone = here.differences(replace(here, engines={}))
    assert all(text.endswith("became absent") for text in gone)
