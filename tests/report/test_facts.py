from dataclasses import replace

import pytest

from tradewind.budget import Objective
from tradewind.bundle import Manifest
from tradewind.model import Parity
from tradewind.report.facts import data_facts, key_figures


def test_the_parity_of_an_import_is_among_the_facts(good: Manifest) -> None:
    assert all(fact.name != "Parity" for fact in data_facts(good))
    found = Parity(examples=1200, largest=2.4e-6, tolerance=1e-4, differing=0.0025)
    imported = replace(good, source=replace(good.source, parity=found))
    (fact,) = [fact for fact in data_facts(imported) if fact.name == "Parity"]
    assert "2e-06 at most on 1,200 questions, 0.0001 allowed; 0.25% of them" in fact.value


def test_a_certificate_on_a_part_of_its_split_says_so(good: Manifest) -> None:
    found = good.chosen.certificate
    assert found is not None
    for have, told in ((found.n, False), (found.n + 300, True)):
        shorter = replace(good, splits=replace(good.splits, certify=have))
        (fact,) = [fact for fact in data_facts(shorter) if fact.name == "Certify"]
        assert ("7,700 of them were reached in time" in fact.detail) == told


def test_what_the_latency_was_stands_beside_what_it_is(good: Manifest) -> None:
    (fact,) = [fact for fact in key_figures(good) if fact.name == "Latency of one request"]
    assert fact.detail == "was 21.3 ms; p99 6.37 ms, was 24.0 ms"


@pytest.mark.parametrize(
    ("objective", "first"),
    [
        ("latency", "Speed-up of one request"),
        ("cost", "CPU time of an answer"),
        ("energy", "CPU time of an answer"),
        ("memory", "Peak memory"),
    ],
)
def test_the_first_figure_is_what_was_to_be_made_best(
    good: Manifest, objective: Objective, first: str
) -> None:
    found = key_figures(replace(good, budget=replace(good.budget, objective=objective)))
    assert found[0].name == first
    values = {"CPU time of an answer": "was 32.1 ms", "Peak memory": "was 212 MB"}
    assert values.get(first, "3.71 to 3.92") in found[0].detail
