"""What flows between the operators of a graph, looked at by running it."""

from collections.abc import Mapping, Sequence

import onnx

from tradewind.engines.untracked import ort
from tradewind.errors import PassError
from tradewind.limits import limited_cores
from tradewind.model import Model
from tradewind.tensors import Array, Tensors


def run(
    proto: onnx.ModelProto, inputs: Tensors, wanted: Sequence[str], where: str
) -> dict[str, Array]:
    """Return the named values for one batch of inputs, computed by ONNX Runtime.

    Args:
        proto: a whole graph, or a part of one that is a graph of its own.
        inputs: one array for every input.
        wanted: names of values, of outputs or of what lies inside.
        where: the name of the model in messages.

    Raises:
        PassError: the graph does not load, or does not run on these inputs.
    """
    return session(proto, wanted, where)(inputs)


class Session:
    """A graph that was loaded to look at some of its values."""

    def __init__(self, loaded: ort.InferenceSession, wanted: Sequence[str], where: str) -> None:
        self._loaded = loaded
        self._wanted = list(wanted)
        self._where = where

    def __call__(self, inputs: Tensors) -> dict[str, Array]:
        """Return the wanted values for one batch.

        Raises:
            PassError: the graph does not run on these inputs.
        """
        try:
            found = self._loaded.run(self._wanted, dict(inputs))
        except Exception as error:  # the runtime raises a class of its own for every status
            raise _refusal(self._where, error) from error
        return dict(zip(self._wanted, found, strict=True))


def session(proto: onnx.ModelProto, wanted: Sequence[str], where: str) -> Session:
    """Load a graph so that some of its values can be looked at; `proto` stays as it was.

    Raises:
        PassError: the graph does not load.
    """
    exposed = onnx.ModelProto()
    exposed.CopyFrom(proto)
    known = {value.name for value in exposed.graph.output}
    exposed.graph.output.extend(
        onnx.ValueInfoProto(name=name) for name in dict.fromkeys(wanted) if name not in known
    )
    options = ort.SessionOptions()
    options.log_severity_level = 4  # errors arrive as exceptions
    options.intra_op_num_threads = limited_cores()
    # what is run here alternates with other work, which threads that wait busily would slow
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        loaded = ort.InferenceSession(
            exposed.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
    except Exception as error:  # the runtime raises a class of its own for every status
        raise _refusal(where, error) from error
    return Session(loaded, wanted, where)


def shapes_inside(model: Model, inputs: Tensors) -> Mapping[str, tuple[int, ...]]:
    """Return the shape of every tensor in the graph, for one batch of inputs.

    Raises:
        PassError: ONNX Runtime cannot run the model.
    """
    proto = model.to_proto()
    names = [name for node in proto.graph.node for name in node.output if name]
    found = run(proto, inputs, names, model.origin.source) | dict(inputs)
    return {name: array.shape for name, array in found.items() if hasattr(array, "shape")}


def reads(node: onnx.NodeProto) -> list[str]:
    """Return the names that a node reads, graphs inside it included."""
    names = [name for name in node.input if name]
    for attribute in node.attribute:
        graphs = [attribute.g] if attribute.HasField("g") else list(attribute.graphs)
        names += [name for graph in graphs for inner in graph.node for name in reads(inner)]
    return names


def _refusal(where: str, error: Exception) -> PassError:
    reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return PassError(where, "a graph that ONNX Runtime can run", reason[:400])
