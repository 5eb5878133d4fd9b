import gzip
import json
import zlib

import numpy as np
import pytest
from tests.serve.child import Child, tensor

from tradewind.serve.wire.packing import WORTH_BYTES, accepted


@pytest.mark.parametrize(
    ("header", "encoding"),
    [
        (None, None),
        ("", None),
        ("identity", None),
        ("br, zstd", None),
        ("gzip", "gzip"),
        ("GZIP, deflate, br", "gzip"),
        ("deflate", "deflate"),
        ("gzip;q=0.5, deflate;q=0.8", "deflate"),
        ("gzip;q=0", None),
        ("gzip; q=0, deflate; q=0.001", "deflate"),
        ("*", "gzip"),
        ("gzip;q=0, *", "deflate"),
        ("gzip;q=x", None),
        (",;=,;q,", None),
    ],
)
def test_the_response_is_packed_as_it_may_be(header: str | None, encoding: str | None) -> None:
    assert accepted(header) == encoding


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_a_long_response_is_packed_where_that_is_asked_for(server: Child, encoding: str) -> None:
    asked = tensor([0.5] * 2 * WORTH_BYTES)
    plain = server.infer("echo-FP32", asked)
    assert plain.headers["vary"] == "accept-encoding"
    assert "content-encoding" not in plain.headers
    packed = server.infer("echo-FP32", asked, {"Accept-Encoding": encoding})
    assert packed.headers["content-encoding"] == encoding
    assert len(packed.body) < len(plain.body) / 10
    found = gzip.decompress(packed.body) if encoding == "gzip" else zlib.decompress(packed.body)
    assert found == plain.body


def test_the_length_of_the_json_is_that_before_packing(server: Child) -> None:
    asked = tensor([0.5] * 2 * WORTH_BYTES)
    asked["parameters"] = {"binary_data_output": True}
    answer = server.infer("echo-FP32", asked, {"Accept-Encoding": "gzip"})
    found = gzip.decompress(answer.body)
    length = int(answer.headers["inference-header-content-length"])
    assert json.loads(found[:length])["outputs"][0]["datatype"] == "FP32"
    assert np.frombuffer(found[length:], np.float32).tolist() == [0.5] * 2 * WORTH_BYTES


def test_a_short_response_is_not_worth_packing(server: Child) -> None:
    answer = server.infer("echo-FP32", tensor([0.5]), {"Accept-Encoding": "gzip"})
    assert "content-encoding" not in answer.headers
