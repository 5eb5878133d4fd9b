"""Making the first request as fast as the second."""

import logging

import numpy as np

from tradewind.errors import EngineError
from tradewind.runners import Runner
from tradewind.serve.served import ServedModel
from tradewind.tensors import Datatype

_log = logging.getLogger("tradewind.serve")


def warm_up(model: ServedModel) -> None:
    """Ask a model once about zeros, unless it takes strings; free sizes become 1.

    Of a composed model every part that computes is asked by itself: what one of them answers does
    not decide whether another one is warm, and nothing is counted as a request.
    A model that has no answer to zeros, or to such sizes, is served all the same.
    """
    _warm_up(model.runner, model.name)


def _warm_up(runner: Runner, name: str) -> None:
    for part in runner.parts:
        _warm_up(part, name)
    specs = runner.signature.inputs
    if runner.parts or any(spec.datatype is Datatype.BYTES for spec in specs):
        return
    zeros = {
        spec.name: np.zeros([abs(size) for size in spec.open_shape], spec.datatype.numpy)
        for spec in specs
    }
    try:
        runner(zeros)
    except EngineError as error:
        _log.warning("model %s has no answer to zeros: %s", name, error)
