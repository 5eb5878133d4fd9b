from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score
from tests.search.stage import Clock, baseline, job, numbered, trial, two_classes

from tradewind.data import ArrayDataset
from tradewind.errors import SettingError
from tradewind.search.certifying import in_test_order
from tradewind.search.reporting import check_reportable, report
from tradewind.search.settings import SearchSettings


def test_finalists_are_told_of_on_the_examples_of_the_certificate() -> None:
    wrong = range(0, 4000, 9)
    work = replace(
        job(numbered(4000, wrong=range(5, 4000, 50))),
        settings=SearchSettings(1000, reports=("auc", "f1")),
    )
    original, worse = baseline(), trial("worse", wrong=wrong)
    report(work, [original, worse], until=1e9)
    assert work.dataset.labels is not None
    order = in_test_order(work)
    right = np.where(order % 2, 1.0, -1.0)
    says = np.where(np.isin(order, list(wrong)), -right, right)
    [auc, f1] = worse.reported
    assert (auc.metric, f1.metric) == ("auc", "f1")
    assert auc.n == len(order)
    assert not auc.certified
    labels = work.dataset.labels[order]
    assert auc.found.before.value == pytest.approx(roc_auc_score(labels, right))
    assert auc.found.after.value == pytest.approx(roc_auc_score(labels, says))
    assert 0 < auc.found.drop.low < auc.found.drop.value < auc.found.drop.high
    assert original.reported[0].found.drop.high == 0


def test_when_time_is_up_the_examples_reached_must_do() -> None:
    work = replace(job(numbered(400)), settings=SearchSettings(1000, reports=("auc",)))
    original = baseline()
    report(work, [original], until=-1.0)
    assert original.reported[0].n == original.load.batch_size


def test_the_original_does_not_take_the_time_of_the_others() -> None:
    clock = Clock(step=1.0)
    settings = SearchSettings(1e6, reports=("auc",))
    work = replace(job(numbered(4000), clock=clock), settings=settings)
    original, other = baseline(), trial("other")
    report(work, [original, other], until=40.0)
    (before,), (after,) = original.reported, other.reported
    assert 0 < after.n <= before.n < len(work.splits.certify)
    assert after.n > before.n / 2


def test_a_figure_that_is_not_defined_is_left_out() -> None:
    data = numbered(400)
    one_class = ArrayDataset({"x": data.take(np.arange(400))["x"]}, np.ones(400, np.int64))
    settings = SearchSettings(1000, reports=("auc", "balanced-accuracy"))
    original = baseline()
    report(replace(job(one_class), settings=settings), [original], until=1e9)
    assert [one.metric for one in original.reported] == ["balanced-accuracy"]


def test_nothing_is_told_unless_it_is_asked_for() -> None:
    original = baseline()
    report(job(), [original], until=1e9)
    assert original.reported == ()


def test_without_labels_a_figure_is_refused() -> None:
    check_reportable(two_classes(), None, ())
    check_reportable(two_classes(), np.array([0, 1]), ("auc",))
    with pytest.raises(SettingError, match="labels"):
        check_reportable(two_classes(), None, ("auc",))
