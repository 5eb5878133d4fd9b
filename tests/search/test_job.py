from dataclasses import replace

import numpy as np
from tests.search.stage import job, numbered

from tradewind.data import without_known


def test_further_examples_follow_those_of_the_calibrate_split() -> None:
    work = job(numbered(2000))
    own = len(work.splits.calibrate)
    more = without_known(numbered(2600), work.dataset, 0)
    assert (len(more), more.known) == (600, 2000)
    work = replace(work, unlabelled=more)
    seen = work.observe(own + 50).inputs["x"]
    assert len(seen) == own + 50
    assert seen[:own, 1].tolist() == work.splits.calibrate.tolist()
    assert (seen[own:, 1] >= 2000).all()
    assert len(work.observe(10_000)) == own + 600
    assert len(work.observe(own - 1)) == own - 1


def test_no_pass_observes_what_is_selected_or_certified_on() -> None:
    work = job(numbered(2000))
    work = replace(work, unlabelled=without_known(numbered(2600), work.dataset, 0))
    seen = work.observe(100_000).inputs["x"][:, 1].astype(np.int64)
    assert not np.intersect1d(seen, work.splits.select).size
    assert not np.intersect1d(seen, work.splits.certify).size


def test_what_is_timed_is_selected_and_never_certified_on() -> None:
    work = job()
    assert sorted(work.timed().tolist()) == work.splits.select.tolist()
    assert work.timed().tolist() != work.splits.select.tolist()
    assert work.timed().tolist() == work.timed().tolist()
