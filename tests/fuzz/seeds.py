"""Requests that are right, for mutations to start from."""

import io
import json
import struct

import ml_dtypes
import numpy as np
from PIL import Image
from tests.serve.wire.grpc import lines as grpc
from tests.serve.wire.http.lines import chunked, post

from tradewind.protocol import schema
from tradewind.serve.wire.grpc import frames
from tradewind.serve.wire.grpc.frames import Kind
from tradewind.tensors import Array, Datatype

_REQUEST = schema.message_type("inference.ModelInferRequest")
_TWO: dict[Datatype, list[object]] = {
    Datatype.BOOL: [True, False],
    Datatype.BYTES: ["é", "a,b"],
    Datatype.FP32: [1.5, float("nan")],
    Datatype.FP64: [1e300, float("-inf")],
}


def seeds() -> dict[str, list[bytes]]:
    """Return bytes by the name of the target that they are for."""
    names = [datatype for datatype in Datatype if datatype not in (Datatype.FP16, Datatype.BF16)]
    return {
        "http_stream": [
            post(b"abc") + chunked(b"d", b"ef", trailer=b"A: b\r\n") + post(b"g", "/x?y"),
            post(b"a", "/", "Expect: 100-continue")
            + b"HEAD / HTTP/1.0\r\nConnection: close\r\n\r\n",
        ],
        "json_body": [_json(datatype, nested) for datatype in names for nested in (False, True)]
        + [json.dumps({"inputs": [_item("fixed", "FP32", [2, 2], [1, 2, 3, 4])]}).encode()]
        + [json.dumps({"inputs": [_item("fp32", "FP32", [0, 3], [])]}).encode()],
        "binary_body": [_binary(datatype) for datatype in Datatype],
        "raw_body": [bytes([place]) + bytes(8) for place in range(len(Datatype) + 1)],
        "picture_body": [*_pictures()],
        "repository_body": [b"", b"{}", b'{"ready": true, "parameters": {"config": "{}"}}'],
        "accept_header": [b"gzip", b"deflate;q=0.5, *;q=0", b"br"],
        "grpc_message": [_message(datatype) for datatype in Datatype] + [_typed(), _told()],
        "grpc_stream": [_calls(), _odd_frames()],
    }


def _item(name: str, datatype: str, shape: list[int], data: object) -> dict[str, object]:
    return {"name": name, "datatype": datatype, "shape": shape, "data": data}


def _json(datatype: Datatype, nested: bool) -> bytes:
    data: object = _TWO.get(datatype, [0, 7])
    item = _item(datatype.value.lower(), datatype.value, [1, 2], [data] if nested else data)
    outputs = [{"name": f"out_{datatype.value.lower()}", "parameters": {"binary_data": True}}]
    told = {"id": "7", "inputs": [item], "outputs": outputs, "parameters": {"timeout": 5000}}
    return json.dumps(told).encode()


def _binary(datatype: Datatype) -> bytes:
    array: Array = np.zeros((1, 2), np.float32 if datatype is Datatype.BYTES else datatype.numpy)
    tail = array.tobytes()
    if datatype is Datatype.BYTES:
        tail = b"".join(struct.pack("<I", len(text)) + text for text in (b"", b"\xc3\xa9"))
    if datatype is Datatype.BF16:
        assert array.dtype == ml_dtypes.bfloat16
    item = {
        "name": datatype.value.lower(),
        "datatype": datatype.value,
        "shape": [1, 2],
        "parameters": {"binary_data_size": len(tail)},
    }
    head = json.dumps({"inputs": [item], "parameters": {"binary_data_output": True}}).encode()
    return struct.pack("<H", len(head)) + head + tail


def _pictures() -> list[bytes]:
    found = []
    for kind in ("PNG", "JPEG", "BMP", "GIF", "WEBP"):
        content = io.BytesIO()
        Image.new("RGB", (3, 2), (200, 100, 0)).save(content, kind)
        found.append(b"\x00" + content.getvalue())
    tail = struct.pack("<I", len(found[0]) - 1) + found[0][1:]
    item = {"name": "x", "datatype": "BYTES", "shape": [1]}
    sent = {**item, "parameters": {"binary_data_size": len(tail)}}
    head = json.dumps({"inputs": [sent]}).encode()
    plain = json.dumps({"inputs": [{**item, "data": ["aGVsbG8="]}]}).encode()
    return [*found, b"\x40" + plain, b"\x80" + struct.pack("<H", len(head)) + head + tail]


def _message(datatype: Datatype) -> bytes:
    content = b"\x02\0\0\0\xc3\xa9\0\0\0\0" if datatype is Datatype.BYTES else bytes(16)
    size = 1 if datatype is Datatype.BYTES else np.dtype(datatype.numpy).itemsize
    shape = [1, 2] if datatype is Datatype.BYTES else [1, 16 // size]
    item = {"name": datatype.value.lower(), "datatype": datatype.value, "shape": shape}
    asked = _REQUEST(model_name="m", id="7", inputs=[item], raw_input_contents=[content])
    return bytes(asked.SerializeToString())


def _typed() -> bytes:
    item = {
        "name": "fixed",
        "datatype": "FP32",
        "shape": [2, 2],
        "contents": {"fp32_contents": [1.0, 2.0, -3.0, float("nan")]},
    }
    return bytes(_REQUEST(model_name="m", inputs=[item]).SerializeToString())


def _told() -> bytes:
    choices = {
        "priority": {"int64_param": 3},
        "timeout": {"uint64_param": 5000},
        "a": {"string_param": "b"},
        "c": {"bool_param": True},
        "d": {"double_param": 0.5},
    }
    outputs = [{"name": "out_fp32", "parameters": {"classification": {"int64_param": 1}}}]
    item = {"name": "fp32", "datatype": "FP32", "shape": [1, 2], "parameters": choices}
    asked = _REQUEST(parameters=choices, inputs=[item], outputs=outputs)
    asked.raw_input_contents.append(bytes(8))
    return bytes(asked.SerializeToString())


def _calls() -> bytes:
    """Two calls, one of them a stream, whose messages come in pieces that mix."""
    return b"".join((
        grpc.begin(1), grpc.begin(3, "/a/Stream", **{"grpc-timeout": "5S"}),
        grpc.data(3, grpc.framed(b"one") + b"\0\0\0"),
        grpc.data(1, grpc.framed(b"whole"), is_end=True),
        grpc.data(3, b"\0\3two"), grpc.data(3, b"", is_end=True),
    ))  # fmt: skip


def _odd_frames() -> bytes:
    """Whatever else there is: settings, pings, windows, padding, priorities, pieces of headers."""
    head = grpc.begin(1)[frames.HEAD.size :]
    return b"".join((
        frames.settings({frames.Setting.INITIAL_WINDOW_SIZE: 100}),
        frames.frame(Kind.PING, 0, 0, bytes(8)),
        frames.window_update(0, 1000),
        frames.frame(Kind.HEADERS, frames.PADDED, 1, b"\2" + head[:20] + b"\0\0"),
        frames.frame(Kind.CONTINUATION, frames.END_HEADERS, 1, head[20:]),
        frames.frame(Kind.PRIORITY, 0, 1, bytes(5)),
        frames.frame(Kind.DATA, frames.PADDED, 1, b"\1" + grpc.framed(b"a") + b"\0"),
        frames.window_update(1, 5),
        frames.reset(1, frames.Code.CANCEL),
        grpc.begin(3, "/a/Nowhere"),
        frames.goodbye(0, frames.Code.NO_ERROR),
    ))  # fmt: skip
