"""The server described in OpenAPI 3.1, with the request and response of each model typed."""

from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote

from tradewind.serve.endpoint import Endpoint
from tradewind.serve.refusals import STATUS
from tradewind.serve.wire.contents import Picture, contents_of
from tradewind.serve.wire.tensor_schemas import (
    example,
    input_schema,
    output_schema,
    picture_schema,
    wish_schema,
)

Json = dict[str, Any]

_ERROR = {"$ref": "#/components/schemas/Error"}
_READY = {
    "type": "object",
    "properties": {"live": {"type": "boolean"}, "ready": {"type": "boolean"}},
    "required": ["live", "ready"],
}
_ANY_OBJECT = {"type": "object"}


def describe_server(name: str, version: str, endpoints: Iterable[Endpoint]) -> Json:
    """Return the OpenAPI document of a server with these models."""
    models = list(endpoints)
    paths = dict(_ABOUT)
    for endpoint in models:
        paths |= _paths(endpoint)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": name,
            "version": version,
            "summary": "Inference in the Open Inference Protocol.",
            "license": {"name": "Apache 2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "tags": [{"name": "server"}, *({"name": one.model.name} for one in models)],
        "paths": paths,
        "components": {
            "schemas": {
                "Error": {
                    "type": "object",
                    "properties": {"error": {"type": "string"}},
                    "required": ["error"],
                }
            },
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{}, {"key": []}],
    }


def _paths(endpoint: Endpoint) -> Json:
    model = endpoint.model
    at = f"/v2/models/{quote(model.name, safe='')}"
    shown = (
        ("", "metadata", "Inputs and outputs.", _METADATA),
        ("/config", "config", "The configuration, as Triton writes it.", _CONFIG),
        ("/ready", "ready", "Whether it takes requests.", _MODEL_READY),
        ("/stats", "stats", "Counts and times, as Triton tells them.", _STATISTICS),
    )
    found: Json = {}
    for tail, what, summary, schema in shown:
        found[at + tail] = {"get": _read(summary, schema, model.name, f"{what}:{model.name}")}
    asked = _inference(endpoint)
    found[f"{at}/infer"] = {"post": asked}
    found[f"{at}/infer_stream"] = {"post": _streaming(asked, model.name)}
    return found


def _read(summary: str, schema: Json, tag: str = "server", operation: str = "") -> Json:
    told: Json = {
        "tags": [tag],
        "summary": summary,
        "responses": {
            "200": {
                "description": "As asked.",
                "content": {"application/json": {"schema": schema}},
            },
            **_ERRORS,
        },
    }
    return {**told, "operationId": operation} if operation else told


def _inference(endpoint: Endpoint) -> Json:
    model = endpoint.model
    body: Json = {"schema": _request_schema(endpoint)}
    inputs = [example(spec) for spec in model.signature.inputs]
    if all(one is not None for one in inputs):
        body["example"] = {"inputs": inputs}
        if model.recurrence is not None:
            body["example"]["parameters"] = _WHOLE_SEQUENCE
    return {
        "tags": [model.name],
        "summary": "Ask the model.",
        "description": "Tensors may follow the JSON as bytes, in the order of the inputs that "
        "have the parameter `binary_data_size`; the length of the JSON is then sent as "
        "`Inference-Header-Content-Length`.",
        "operationId": f"infer:{model.name}",
        "requestBody": {
            "required": True,
            "content": {"application/json": body, **_file_bodies(endpoint)},
        },
        "responses": {
            "200": {
                "description": "What the model says.",
                "content": {
                    "application/json": {"schema": _response_schema(endpoint)},
                    "application/octet-stream": {},
                },
            },
            **_ERRORS,
        },
    }


def _streaming(asked: Json, name: str) -> Json:
    """Return the description of asking for answers one by one, from that of asking for one."""
    body = asked["requestBody"]["content"]
    return {
        **asked,
        "summary": "Ask the model, and get each answer as soon as it is there.",
        "description": "Each event is a response in JSON; one that is called error ends them.",
        "operationId": f"infer_stream:{name}",
        "requestBody": {
            "required": True,
            "content": {
                kind: {"schema": told["schema"]} if told else {} for kind, told in body.items()
            },
        },
        "responses": {
            "200": {
                "description": "What the model says, answer by answer.",
                "content": {"text/event-stream": {}},
            },
            **_ERRORS,
        },
    }


def _file_bodies(endpoint: Endpoint) -> Json:
    """Return the kinds of body besides JSON: tensors as bytes after it, or one file."""
    contents = contents_of(endpoint.model.runner)
    kinds = () if contents is None else contents.types
    return {"application/octet-stream": {}} | {kind: {} for kind in kinds}


def _request_schema(endpoint: Endpoint) -> Json:
    signature = endpoint.model.signature
    inputs = [input_schema(spec) for spec in signature.inputs]
    contents = contents_of(endpoint.model.runner)
    if isinstance(contents, Picture):
        inputs = [
            {"anyOf": [schema, picture_schema(spec)]} if spec.name == contents.name else schema
            for spec, schema in zip(signature.inputs, inputs, strict=True)
        ]
    remembers = endpoint.model.recurrence is not None
    return {
        "type": "object",
        "required": ["inputs", "parameters"] if remembers else ["inputs"],
        "properties": {
            "id": {"type": "string"},
            "inputs": {
                "type": "array",
                "items": inputs[0] if len(inputs) == 1 else {"anyOf": inputs},
                "minItems": len(inputs),
                "maxItems": len(inputs),
            },
            "outputs": wish_schema(signature.outputs),
            "parameters": _SEQUENCE if remembers else _PARAMETERS,
        },
    }


def _response_schema(endpoint: Endpoint) -> Json:
    model = endpoint.model
    return {
        "type": "object",
        "required": ["model_name", "model_version", "outputs"],
        "properties": {
            "model_name": {"const": model.name},
            "model_version": {"const": model.version},
            "id": {"type": "string"},
            "outputs": {
                "type": "array",
                "items": {"anyOf": [output_schema(one) for one in model.signature.outputs]},
            },
        },
    }


def _list(item: Json) -> Json:
    return {"type": "array", "items": item}


def _object(required: str, **properties: Mapping[str, Any]) -> Json:
    return {"type": "object", "properties": properties, "required": required.split()}


_TEXT = {"type": "string"}
_WHOLE = {"type": "integer"}
_FLAG = {"type": "boolean"}
_PARAMETERS: Json = {
    "type": "object",
    "properties": {
        "binary_data_output": {**_FLAG, "description": "Outputs as bytes unless one says other."},
        "timeout": {**_WHOLE, "minimum": 0, "description": "Microseconds to wait in the queue."},
        "priority": {**_WHOLE, "minimum": 0, "description": "1 is the most urgent, 0 no wish."},
    },
}
_SEQUENCE: Json = {
    "type": "object",
    "properties": {
        **_PARAMETERS["properties"],
        "sequence_id": {
            "anyOf": [
                {**_WHOLE, "minimum": 1, "maximum": 2**64 - 1},
                {**_TEXT, "minLength": 1, "maxLength": 256},
            ],
        },
        "sequence_start": {**_FLAG, "description": "Whether the sequence begins."},
        "sequence_end": {**_FLAG, "description": "Whether it is forgotten after this request."},
    },
    "required": ["sequence_id"],
}
_WHOLE_SEQUENCE = {"sequence_id": 1, "sequence_start": True, "sequence_end": True}
_TENSOR = _object("name datatype shape", name=_TEXT, datatype=_TEXT, shape=_list(_WHOLE))
_METADATA = _object(
    "name versions platform inputs outputs",
    name=_TEXT, versions=_list(_TEXT), platform=_TEXT, inputs=_list(_TENSOR),
    outputs=_list(_TENSOR),
)  # fmt: skip
_DIMS = _object("name data_type dims", name=_TEXT, data_type=_TEXT, dims=_list(_WHOLE))
_CONFIG = _object(
    "name platform backend max_batch_size input output",
    name=_TEXT, platform=_TEXT, backend=_TEXT, max_batch_size=_WHOLE, input=_list(_DIMS),
    output=_list(_DIMS),
)  # fmt: skip
_MODEL_READY = _object("name ready", name=_TEXT, ready=_FLAG)
_STATISTICS = _object("model_stats", model_stats=_list(_ANY_OBJECT))
_INDEX = _list(_object("name state reason", name=_TEXT, version=_TEXT, state=_TEXT, reason=_TEXT))
_ERRORS: Json = {
    str(status): {
        "description": "Refused, with the reason.",
        "content": {"application/json": {"schema": _ERROR}},
    }
    for status in sorted({*STATUS.values(), 500})
}
_SERVER = _object("name version extensions", name=_TEXT, version=_TEXT, extensions=_list(_TEXT))
_ABOUT: Json = {
    "/v2": {"get": _read("The server.", _SERVER)},
    "/v2/health/live": {"get": _read("Whether the process runs.", _READY)},
    "/v2/health/ready": {"get": _read("Whether requests are taken.", _READY)},
    "/v2/models": {"get": _read("The names.", _object("models", models=_list(_TEXT)))},
    "/v2/models/stats": {"get": _read("Counts and times of all.", _STATISTICS)},
    "/v2/repository/index": {
        "post": {
            **_read("Every model, ready or not.", _INDEX),
            "requestBody": {"content": {"application/json": {"schema": _object("", ready=_FLAG)}}},
        }
    },
}
