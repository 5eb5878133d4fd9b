"""What a model says about itself."""

from collections.abc import Mapping
from typing import Any

from tradewind.serve.served import ServedModel
from tradewind.tensors import Datatype, Signature


def describe(model: ServedModel) -> Mapping[str, Any]:
    """Return the metadata of a model as the protocol writes it."""
    signature: Signature = model.signature
    told: dict[str, Any] = {
        "name": model.name,
        "versions": [model.version],
        "platform": model.platform,
        "inputs": [_tensor(spec.name, spec.datatype, spec.open_shape) for spec in signature.inputs],
        "outputs": [
            _tensor(spec.name, spec.datatype, spec.open_shape) for spec in signature.outputs
        ],
    }
    if model.parameters:
        told["parameters"] = dict(model.parameters)
    return told


def _tensor(name: str, datatype: Datatype, shape: tuple[int, ...]) -> dict[str, Any]:
    return {"name": name, "datatype": datatype.value, "shape": list(shape)}
