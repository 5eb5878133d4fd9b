"""Requests that are right, for mutations to start from."""

import io
import json
import struct

import ml_dtypes
import numpy as np
from PIL import Image
from tests.serve.wire.http.lines import chunked, post

from tradewind.tensors import Array, Datatype

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
