"""Making the first request as fast as the second."""

import logging

import numpy as np

from tradewind.errors import EngineError
from tradewind.serve.served import ServedModel
from tradewind.tensors import Datatype

_log = logging.getLogger("tradewind.serve")


def warm_up(model: ServedModel) -> None:
    """Ask a model once about zeros, unless it takes strings; free sizes become 1.

    A model that has no answer to zeros, or to such sizes, is served all the same.
    """
    specs = model.runner.signature.inputs
    if any(spec.datatype is Datatype.BYTES for spec in specs):
        return
    zeros = {
        spec.name: np.zeros([abs(size) for size in spec.open_shape], spec.datatype.numpy)
        for spec in specs
    }
    try:
        model.runner(zeros)
    except EngineError as error:
        _log.warning("model %s has no answer to zeros: %s", model.name, error)
