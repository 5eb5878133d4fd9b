"""Children of a process that has everything loaded: what they make, and how they may end."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from tests.cases import CASES, DENSE
from tests.cases.processes import child_of, ends_within

from tradewind.errors import PassError
from tradewind.model import Model, Origin
from tradewind.passes import (
    Change,
    Fold,
    Observed,
    Pass,
    QuantizeNNCF,
    QuantizeStatic,
    Workshop,
    apply_isolated,
)

NAME = "tradewind.passes.workshop"

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="nothing is forked here")


@pytest.fixture(name="workshop")
def _workshop() -> Iterator[Workshop]:
    with Workshop() as workshop:
        yield workshop


@pytest.fixture(name="seen")
def _seen(random: np.random.Generator) -> Observed:
    return Observed(DENSE.draw(random, 24))


def made(workshop: Workshop, step: Pass, seen: Observed, timeout_s: float = 120) -> Change:
    return apply_isolated(step, DENSE.model, seen, timeout_s, workshop.run)


def killing(find: list[str]) -> threading.Thread:
    """Start to wait for a child, its child and so on, and kill the last of them."""

    def kill() -> None:
        process = os.getpid()
        for name in find:
            process = child_of(process, name)
        os.kill(process, signal.SIGKILL)

    thread = threading.Thread(target=kill)
    thread.start()
    return thread


@pytest.mark.parametrize("step", [Fold(), QuantizeStatic(), QuantizeNNCF()])
def test_a_pass_makes_the_same_as_in_a_process_that_starts_from_nothing(
    step: Pass, workshop: Workshop, random: np.random.Generator
) -> None:
    case = next(case for case in CASES if case.name == "residual")
    seen = Observed(case.draw(random, 24))
    alone = apply_isolated(step, case.model, seen, 120)
    for _ in range(2):
        here = apply_isolated(step, case.model, seen, 120, workshop.run)
        assert (here.model.digest, here.summary) == (alone.model.digest, alone.summary)


def test_all_children_have_one_parent_which_ends_with_the_workshop(seen: Observed) -> None:
    with Workshop() as workshop:
        made(workshop, QuantizeNNCF(), seen)
        first = child_of(os.getpid(), NAME)
        made(workshop, Fold(), seen)
        assert child_of(os.getpid(), NAME) == first
    assert ends_within(first, 10)


def test_what_the_pass_says_against_a_model_is_told(workshop: Workshop, seen: Observed) -> None:
    garbage = Model(b"garbage", Origin("onnx", "garbage.onnx"))
    with pytest.raises(PassError, match=r"garbage\.onnx"):
        apply_isolated(Fold(), garbage, seen, 120, workshop.run)


def test_a_child_that_crashes_is_an_error_of_the_pass_alone(
    workshop: Workshop, seen: Observed
) -> None:
    made(workshop, Fold(), seen)
    first = child_of(os.getpid(), NAME)
    killer = killing([NAME, NAME])
    with pytest.raises(PassError, match="exit status -9"):
        made(workshop, QuantizeNNCF(), seen)
    killer.join()
    assert made(workshop, Fold(), seen).model
    assert child_of(os.getpid(), NAME) == first


def test_what_the_crashed_child_said_last_is_told(
    workshop: Workshop, seen: Observed, monkeypatch: pytest.MonkeyPatch
) -> None:
    # the child cannot write its answer where the examples are no archive
    monkeypatch.setattr("tradewind.passes.isolation.save_tensors", lambda path, _: path.touch())
    with pytest.raises(PassError, match=r"exit status 1, \w+"):
        made(workshop, QuantizeStatic(), seen)


def test_a_workshop_that_was_killed_begins_anew(workshop: Workshop, seen: Observed) -> None:
    killer = killing([NAME])
    with pytest.raises(PassError, match="exit status -9"):
        made(workshop, QuantizeNNCF(), seen)
    killer.join()
    assert made(workshop, Fold(), seen).model


@pytest.mark.parametrize("is_warm", [False, True])
def test_a_pass_that_takes_too_long_is_stopped(
    workshop: Workshop, seen: Observed, *, is_warm: bool
) -> None:
    if is_warm:
        made(workshop, QuantizeNNCF(), seen)
    server = child_of(os.getpid(), NAME) if is_warm else None
    with pytest.raises(PassError, match=r"an end within 0\.05 s"):
        made(workshop, QuantizeNNCF(), seen, 0.0512345)
    if server is not None:  # its child was stopped, and no more than that
        assert child_of(os.getpid(), NAME) == server
    assert made(workshop, Fold(), seen).model


_FOREVER = """
from tests.cases import DENSE
from tradewind.passes import Observed, QuantizeNNCF, Workshop, apply_isolated
import numpy as np
seen = Observed(DENSE.draw(np.random.default_rng(0), 24))
with Workshop() as workshop:
    while True:
        apply_isolated(QuantizeNNCF(), DENSE.model, seen, 600, workshop.run)
"""


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_however_the_parent_ends_it_leaves_no_process_behind(end: signal.Signals) -> None:
    root = Path(__file__).resolve().parents[2]
    paths = os.pathsep.join([str(root / "src"), str(root)])
    parent = subprocess.Popen(
        [sys.executable, "-c", _FOREVER],
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": paths},
    )
    try:
        server = child_of(parent.pid, NAME)
        child = child_of(server, NAME)
        parent.send_signal(end)
        assert parent.wait(90) != 0
        assert ends_within(server, 90)
        assert ends_within(child, 90)
    finally:
        parent.kill()
        parent.wait()
