import json
import math
import secrets
from pathlib import Path

import numpy as np
import pytest
from benchmarks.optimizers.artefacts import Runtime, settings
from benchmarks.optimizers.comparison import HEADING, publish
from benchmarks.optimizers.peers import PEERS
from benchmarks.optimizers.peers.apps.asking import Request
from benchmarks.optimizers.peers.peer import APPS
from benchmarks.optimizers.records import (
    OURS,
    Entry,
    Measured,
    Record,
    Verdict,
    read_record,
    write_record,
)
from benchmarks.optimizers.suite import SUITE
from benchmarks.optimizers.tables import (
    best_other,
    gain_over_suite,
    geometric_mean,
    observed,
    page,
    shown,
    standing,
)

from tradewind.limits import available_cores
from tradewind.measure import Ratio

BASELINE, STATIC = PEERS[0].name, PEERS[1].name


def entry(name: str, gain: float, ours: float | None, drop_upper: float = 0.005) -> Entry:
    verdict = Verdict(drop_upper < 0.01, drop_upper / 2, drop_upper, 1000)
    against = None if ours is None else Ratio(ours, ours * 0.95, ours * 1.05)
    found = Measured("batch 8", 1.0, Ratio(gain, gain * 0.9, gain * 1.1), against)
    return Entry(name, "", 1.0, 1000, verdict, None, found, found)


def record(case: str, *entries: Entry) -> Record:
    return Record(case, case.title(), "rows", "accuracy", "a CPU", 0.1, 30.0, 20, entries)


def test_the_geometric_mean_of_two_and_eight_is_four() -> None:
    assert math.isclose(geometric_mean([2.0, 8.0]), 4.0)


def test_an_optimizer_outside_the_budget_gains_nothing_however_fast_it_is() -> None:
    only = record("a", entry(BASELINE, 1, 2), entry(STATIC, 9, 0.2, 0.03), entry(OURS, 2, None))
    assert gain_over_suite([only], STATIC, "latency", shown) == 1.0
    best = best_other(only, "latency", shown)
    assert best is not None
    assert best.name == BASELINE
    assert "quantize_static 9.00" in page([only])  # yet it is told


def test_an_optimizer_that_was_not_asked_about_a_model_gains_nothing_there() -> None:
    asked = record("a", entry(BASELINE, 1, 2), entry(STATIC, 4, 0.5), entry(OURS, 2, None))
    other = record("b", entry(BASELINE, 1, 2), entry(OURS, 2, None))
    assert math.isclose(gain_over_suite([asked, other], STATIC, "latency", shown), 2.0)
    assert "| 1 of 2 |" in page([asked, other])


def test_what_lost_little_without_showing_it_is_admitted_where_observing_will_do() -> None:
    unsure = entry(STATIC, 3, 0.7, 0.012)  # lost 0.6%, perhaps 1.2%
    only = record("a", entry(BASELINE, 1, 2), unsure, entry(OURS, 2, None))
    best = best_other(only, "throughput", observed)
    assert best is not None
    assert best.name == STATIC


def test_a_model_on_which_another_is_better_beyond_the_noise_is_named() -> None:
    lost = record("lost", entry(BASELINE, 1, 2), entry(STATIC, 3, 0.7), entry(OURS, 2, None))
    even = record("even", entry(BASELINE, 1, 2), entry(STATIC, 2, 0.98), entry(OURS, 2, None))
    found = standing([lost, even], "latency", shown)
    assert found.behind == ("Lost",)
    assert found.single == STATIC
    assert math.isclose(found.against_best, math.sqrt(0.7 * 0.98))


def test_a_failure_is_told_and_counted() -> None:
    broken = Entry(STATIC, "exit status 1: no | such operator", 3.0)
    text = page([record("a", entry(BASELINE, 1, 2), broken, entry(OURS, 2, None))])
    assert "no / such operator" in text  # a bar would end the cell
    assert "| 0 of 1 | 1 | 3 |" in text


def test_a_record_is_read_back_as_it_was_with_a_ratio_that_nothing_bounds(tmp_path: Path) -> None:
    wide = Measured("batch 1", 1.0, Ratio(1.0, 0.0, math.inf), None)
    one = record("a", Entry(BASELINE, latency=wide), entry(OURS, 2, None))
    write_record(tmp_path / "a.json", one)
    assert "Infinity" not in (tmp_path / "a.json").read_text()
    assert read_record(tmp_path / "a.json") == one


@pytest.mark.parametrize("runtime", ["onnxruntime", "openvino"])
def test_one_request_has_one_caller_and_throughput_may_have_more(runtime: Runtime) -> None:
    alone = settings(runtime, 1, is_throughput=False)
    together = settings(runtime, 8, is_throughput=True)
    assert all(one.callers == 1 for one in alone)
    assert max(one.callers for one in together) == available_cores()
    assert {one.batch_size for one in together} == {8}


@pytest.mark.parametrize("peer", PEERS, ids=lambda peer: peer.name)
def test_every_optimizer_has_its_script_and_one_version_of_each_package(peer: object) -> None:
    found = next(one for one in PEERS if one is peer)
    assert not found.app or (APPS / f"{found.app}.py").is_file()
    assert all(requirement.count("==") == 1 for requirement in found.requirements)


def test_the_suite_names_each_of_its_models_once() -> None:
    names = [case.name for case in SUITE]
    assert len(names) == len({*names}) >= 10


def test_what_came_out_takes_the_place_of_what_came_out_before(tmp_path: Path) -> None:
    guide = tmp_path / "guide.md"
    guide.write_text("# Guide\n\nHow.\n")
    publish(guide, "old\n")
    publish(guide, "new\n")
    assert guide.read_text() == f"# Guide\n\nHow.\n\n{HEADING}\n\nnew\n"


@pytest.mark.parametrize("kind", ["class", "error"])
def test_scripts_score_answers_as_the_metric_does(kind: str, tmp_path: Path) -> None:
    seed = secrets.randbits(32)
    print(f"seed {seed}")
    random = np.random.default_rng(seed)
    scores = random.normal(size=(30, 4)).astype(np.float32)
    wrong = random.permutation(30)[:6]
    if kind == "class":
        truth = scores.argmax(axis=1)
        truth[wrong] = (truth[wrong] + 1) % 4
    else:
        truth = scores.copy()
        truth[wrong] += 50.0  # further than the limit, which is as far as an error counts
    np.savez(tmp_path / "select.npz", truth=truth, **{"input:x": scores})  # type: ignore[arg-type]
    written = {
        "model": "",
        "folder": str(tmp_path),
        "max_drop": 0.01,
        "metric": {"kind": kind, "threshold": 0.5, "limit": 10.0},
        "batch": 7,
        "calibrate": "",
        "select": str(tmp_path / "select.npz"),
    }
    (tmp_path / "request.json").write_text(json.dumps(written))
    found = Request.read(str(tmp_path / "request.json")).score(lambda given: [given["x"]])
    assert math.isclose(found, 0.8, abs_tol=1e-6)
