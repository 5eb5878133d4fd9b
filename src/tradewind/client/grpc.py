"""The Open Inference Protocol over gRPC."""

from collections.abc import Mapping
from typing import Any, final

from tradewind.client.asking import Language, Question, Received, Scalar, Sent
from tradewind.errors import RequestError
from tradewind.protocol import binary_tensors, schema
from tradewind.tensors import Array, Datatype

_SERVICE = "/inference.GRPCInferenceService/"


@final
class Grpc(Language):
    """Questions as messages of protobuf."""

    def infer(self, question: Question) -> Sent:
        request = schema.message_type("inference.ModelInferRequest")(
            model_name=question.model, model_version=question.version, id=question.id
        )
        for name, array in question.inputs.items():
            datatype = Datatype.of(array.dtype).value
            request.inputs.add(name=name, datatype=datatype, shape=array.shape)
            request.raw_input_contents.append(binary_tensors.write(array))
        for name in question.outputs:
            request.outputs.add(name=name)
        for name, value in question.parameters.items():
            setattr(request.parameters[name], _choice(value), value)
        return Sent(f"{_SERVICE}ModelInfer", request.SerializeToString())

    def stream(self, question: Question) -> Sent:
        return Sent(f"{_SERVICE}ModelStreamInfer", self.infer(question).body)

    def read_answer(self, received: Received) -> dict[str, Array]:
        answer = schema.parse("inference.ModelInferResponse", received.body)
        if len(answer.raw_output_contents) != len(answer.outputs):
            got = f"{len(answer.raw_output_contents)}"
            raise RequestError("answer", f"{len(answer.outputs)} raw_output_contents", got)
        return {
            output.name: binary_tensors.read(
                output.name, memoryview(raw), Datatype(output.datatype), tuple(output.shape)
            )
            for output, raw in zip(answer.outputs, answer.raw_output_contents, strict=True)
        }

    def is_ready(self, model: str, version: str) -> Sent:
        if model:
            return _sent("ModelReady", name=model, version=version)
        return _sent("ServerReady")

    def read_ready(self, received: Received) -> bool:
        # both messages have the same field
        answer = schema.parse("inference.ServerReadyResponse", received.body)
        return not received.status and bool(answer.ready)

    def metadata(self, model: str, version: str) -> Sent:
        return _sent("ModelMetadata", name=model, version=version)

    def read_metadata(self, received: Received) -> dict[str, Any]:
        told = schema.parse("inference.ModelMetadataResponse", received.body)
        found: dict[str, Any] = {
            "name": told.name,
            "versions": list(told.versions),
            "platform": told.platform,
            "inputs": [_tensor(one) for one in told.inputs],
            "outputs": [_tensor(one) for one in told.outputs],
        }
        return {**found, "parameters": dict(told.properties)} if told.properties else found

    def index(self) -> Sent:
        return _sent("RepositoryIndex")

    def read_index(self, received: Received) -> list[dict[str, Any]]:
        answer = schema.parse("inference.RepositoryIndexResponse", received.body)
        return [
            {"name": one.name, "version": one.version, "state": one.state, "reason": one.reason}
            for one in answer.models
        ]

    def manage(self, model: str, action: str, parameters: Mapping[str, Scalar]) -> Sent:
        name = f"RepositoryModel{action.capitalize()}"
        request = schema.message_type(f"inference.{name}Request")(model_name=model)
        for key, value in parameters.items():
            setattr(request.parameters[key], _choice(value), value)
        return Sent(_SERVICE + name, request.SerializeToString())


def _sent(method: str, /, **fields: str) -> Sent:
    request = schema.message_type(f"inference.{method}Request")(**fields)
    return Sent(_SERVICE + method, request.SerializeToString())


def _tensor(told: Any) -> dict[str, Any]:
    return {"name": told.name, "datatype": told.datatype, "shape": list(told.shape)}


def _choice(value: Scalar) -> str:
    """Return the field that holds a parameter; a truth value is also an integer to Python."""
    if isinstance(value, bool):
        return "bool_param"
    if isinstance(value, int):
        return "int64_param" if value < 2**63 else "uint64_param"
    return "string_param" if isinstance(value, str) else "double_param"
