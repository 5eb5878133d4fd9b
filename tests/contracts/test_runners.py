"""What everything that answers promises."""

import importlib
import pkgutil
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from tests.cases.comparing import assert_close
from tests.cases.runners import RUNNERS, Specimen

import tradewind
from tradewind.errors import EngineError
from tradewind.runners import Runner

EVERY_RUNNER = pytest.mark.parametrize("specimen", RUNNERS, ids=str)


def _kinds(base: type[Any]) -> Iterator[type[Any]]:
    for kind in base.__subclasses__():
        yield kind
        yield from _kinds(kind)


def test_every_kind_of_runner_is_held_to_the_contract() -> None:
    for module in pkgutil.walk_packages(tradewind.__path__, "tradewind."):
        try:
            importlib.import_module(module.name)
        except ModuleNotFoundError as error:  # of a framework that is not installed
            if (error.name or "tradewind").startswith("tradewind"):
                raise
    ours = {kind for kind in _kinds(Runner) if kind.__module__.startswith("tradewind.")}
    tried = set()
    for specimen in RUNNERS:
        with specimen.make() as runner:
            tried.add(type(runner))
    assert ours == tried


@EVERY_RUNNER
def test_a_runner_answers_all_outputs_of_its_signature(
    specimen: Specimen, random: np.random.Generator
) -> None:
    inputs = specimen.draw(random)
    with specimen.make() as runner:
        assert runner.signature.check(inputs) == 3
        answers = runner(inputs)
        for spec in runner.signature.outputs:
            spec.check(answers[spec.name])
    assert_close(answers, specimen.right(inputs), specimen.tolerance)


@EVERY_RUNNER
def test_threads_that_share_a_runner_get_their_own_answers(
    specimen: Specimen, random: np.random.Generator
) -> None:
    inputs = [specimen.draw(random) for _ in range(8)]
    right = [specimen.right(one) for one in inputs]
    wrong: list[BaseException] = []
    with specimen.make() as runner:

        def work(index: int) -> None:
            try:
                for _ in range(10):
                    assert_close(runner(inputs[index]), right[index], specimen.tolerance)
            except BaseException as error:
                wrong.append(error)

        threads = [threading.Thread(target=work, args=(index,)) for index in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert not wrong, wrong


@EVERY_RUNNER
def test_answers_belong_to_the_caller(specimen: Specimen, random: np.random.Generator) -> None:
    inputs, others = specimen.draw(random), specimen.draw(random)
    with specimen.make() as runner:
        answers = runner(inputs)
        copies = {name: array.copy() for name, array in answers.items()}
        runner(others)
        assert_close(answers, copies, 0)
        for array in answers.values():
            array.fill(0)
        assert_close(runner(inputs), copies, specimen.tolerance)


@EVERY_RUNNER
def test_closing_twice_is_no_error_and_calling_afterwards_is(
    specimen: Specimen, random: np.random.Generator
) -> None:
    with specimen.make() as runner:
        runner.close()
    with pytest.raises(EngineError, match="closed"):
        runner(specimen.draw(random))
