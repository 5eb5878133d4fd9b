"""The model_configuration extension: a model in the words of Triton's ModelConfig."""

from typing import Any

from tradewind.serve.endpoint import Endpoint
from tradewind.serve.shapes import InputRules
from tradewind.tensors import Datatype, Signature, TensorSpec


def describe_configuration(endpoint: Endpoint) -> dict[str, Any]:
    """Return the fields that clients read; with a batch, `dims` leave it out."""
    model = endpoint.model
    signature = model.signature
    batch = batch_limit(signature, endpoint.rules)
    told: dict[str, Any] = {
        "name": model.name,
        "platform": model.platform,
        "backend": model.platform.removeprefix("onnx_"),
        "version_policy": {"specific": {"versions": [model.version]}},
        "max_batch_size": batch,
        "input": [_tensor(spec, batch > 0) for spec in signature.inputs],
        "output": [_tensor(spec, batch > 0) for spec in signature.outputs],
        "parameters": {
            key: {"string_value": str(value)} for key, value in model.parameters.items()
        },
    }
    if model.recurrence is not None:
        idle_us = int(endpoint.sequence_idle_s * 1e6)
        told["sequence_batching"] = {"max_sequence_idle_microseconds": idle_us}
    return told


def batch_limit(signature: Signature, rules: InputRules) -> int:
    """Return how many examples a request may hold; 0 where the first size counts none."""
    specs = (*signature.inputs, *signature.outputs)
    return rules.max_batch if all(spec.has_free_batch for spec in specs) else 0


def _tensor(spec: TensorSpec, has_batch: bool) -> dict[str, Any]:
    kind = "STRING" if spec.datatype is Datatype.BYTES else spec.datatype.value
    dims = list(spec.open_shape[1:] if has_batch else spec.open_shape)
    return {"name": spec.name, "data_type": f"TYPE_{kind}", "dims": dims}
