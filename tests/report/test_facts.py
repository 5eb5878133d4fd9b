from dataclasses import replace

from tradewind.bundle import Manifest
from tradewind.model import Parity
from tradewind.report.facts import data_facts


def test_the_parity_of_an_import_is_among_the_facts(good: Manifest) -> None:
    assert all(fact.name != "Parity" for fact in data_facts(good))
    found = Parity(examples=1200, largest=2.4e-6, tolerance=1e-4, differing=0.0025)
    imported = replace(good, source=replace(good.source, parity=found))
    (fact,) = [fact for fact in data_facts(imported) if fact.name == "Parity"]
    assert "2e-06 at most on 1,200 questions, 0.0001 allowed; 0.25% of them" in fact.value
