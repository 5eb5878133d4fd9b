"""OpenVINO's graphs rewritten in this process."""

from functools import partial

import openvino as ov

from tradewind.errors import ModelError
from tradewind.importers.converters.openvino_graphs.answering import Answering
from tradewind.importers.openvino import checked
from tradewind.importers.original import InMemory
from tradewind.model import Model, Origin
from tradewind.tensors import Array, Tensors


def rewritten(graph: ov.Model) -> Model:
    """Return the model, as the importer makes it of a file."""
    try:
        answering = Answering(graph)
    except ValueError as error:
        raise ModelError("graph", *map(str, error.args)) from error
    original = InMemory(partial(_answer, answering))
    return checked(answering.proto, answering.kind, original, Origin("openvino", "graph"))


def _answer(answering: Answering, inputs: Tensors) -> dict[str, Array]:
    return answering(inputs, [])
