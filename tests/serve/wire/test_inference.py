import json
import math
import secrets
from typing import Any, final

import numpy as np
import pytest

from tradewind.errors import RequestError
from tradewind.runners import Runner
from tradewind.serve import ServedModel
from tradewind.serve.messages import Arrival, Request, Response
from tradewind.serve.shapes import InputRules
from tradewind.serve.wire.inference import Wire
from tradewind.serve.wire.metadata import describe
from tradewind.tensors import Array, Datatype, Signature, Tensors, TensorSpec

A = TensorSpec("a", Datatype.FP32, ("N", 2))
B = TensorSpec("b", Datatype.INT8, ("N",))
Y = TensorSpec("y", Datatype.FP32, ("N", None))
HALF = TensorSpec("half", Datatype.FP16, ("N",))
TEXT = TensorSpec("text", Datatype.BYTES, (1,))


@final
class Fixed(Runner):
    """A signature that never computes."""

    def __init__(self, signature: Signature) -> None:
        self._signature = signature

    @property
    def signature(self) -> Signature:
        return self._signature

    def __call__(self, inputs: Tensors) -> dict[str, Array]:
        raise NotImplementedError

    def close(self) -> None:
        pass


async def nobody() -> None:
    raise NotImplementedError


ARRIVAL = Arrival(0.0, nobody)


def wire(*inputs: TensorSpec, outputs: tuple[TensorSpec, ...] = (Y,)) -> Wire:
    runner = Fixed(Signature(inputs or (A, B), outputs))
    model = ServedModel("m", runner, "test", version="1")
    return Wire(model, InputRules(runner.signature, max_batch=100))


def item(name: str, shape: list[int], datatype: str, data: Any, **parameters: Any) -> Any:
    given = {"name": name, "shape": shape, "datatype": datatype, "parameters": parameters}
    return given if data is None else {**given, "data": data}


GOOD_A = item("a", [2, 2], "FP32", [1, 2, 3, 4])
GOOD_B = item("b", [2], "INT8", [-1, 7])


def decode(body: Any, tail: bytes | None = None, **told: Any) -> Request:
    head = json.dumps({"inputs": body, **told}).encode()
    return wire().decode(head + (tail or b""), None if tail is None else len(head), ARRIVAL)


def test_a_request_becomes_arrays() -> None:
    request = decode([GOOD_B, GOOD_A], id="7", parameters={"timeout": 1500})
    np.testing.assert_array_equal(request.inputs["a"], np.array([[1, 2], [3, 4]], np.float32))
    np.testing.assert_array_equal(request.inputs["b"], np.array([-1, 7], np.int8))
    assert (request.id, request.timeout_s) == ("7", 0.0015)


def test_binary_tensors_follow_the_json_in_the_order_of_the_inputs() -> None:
    tail = np.array([-1, 7], np.int8).tobytes() + np.arange(4, dtype=np.float32).tobytes()
    inputs = [
        item("b", [2], "INT8", None, binary_data_size=2),
        item("a", [2, 2], "FP32", None, binary_data_size=16),
    ]
    request = decode(inputs, tail)
    np.testing.assert_array_equal(request.inputs["a"], [[0, 1], [2, 3]])
    np.testing.assert_array_equal(request.inputs["b"], [-1, 7])


def test_json_and_binary_tensors_mix() -> None:
    request = decode([GOOD_A, item("b", [2], "INT8", None, binary_data_size=2)], b"\x01\x02")
    np.testing.assert_array_equal(request.inputs["b"], [1, 2])


REFUSED: list[tuple[Any, bytes | None, str]] = [
    ([], None, "inputs: expected a, b, got none named a, b"),
    ([GOOD_A], None, "got none named b"),
    ([GOOD_A, GOOD_A], None, "got a second input named 'a'"),
    ([GOOD_A, GOOD_B, item("c", [1], "INT8", [1])], None, "got an input named 'c'"),
    ([item("a", [2, 2], "FP64", [1, 2, 3, 4]), GOOD_B], None, "expected FP32, got FP64"),
    ([item("a", [2], "FP32", [1, 2]), GOOD_B], None, "first dimension counts examples"),
    ([item("a", [2, 3], "FP32", [1] * 6), GOOD_B], None, r"FP32\[N, 2\], got \[2, 3\]"),
    ([item("a", [-1, 2], "FP32", []), GOOD_B], None, r"got \[-1, 2\]"),
    ([item("a", [-5, 2], "FP32", []), GOOD_B], None, r"got \[-5, 2\]"),
    ([item("a", [10**30, 2], "FP32", []), GOOD_B], None, "a.shape"),
    ([item("a", [101, 2], "FP32", [1] * 202), GOOD_B], None, "at most 100 examples, got 101"),
    ([item("a", [2, 2], "FP32", [1, 2, 3]), GOOD_B], None, "a.data: expected 4 elements"),
    ([item("a", [2, 2], "FP32", None), GOOD_B], None, "got neither"),
    ([GOOD_A, item("b", [3], "INT8", [1, 2, 3])], None, r"a.shape\[0\], b.shape\[0\].*\[2, 3\]"),
    ([GOOD_A, item("b", [2], "INT8", [1, 2], binary_data_size=2)], b"\x01\x02", "got both"),
    ([GOOD_A, item("b", [2], "INT8", None, binary_data_size=3)], b"\x01\x02", "got 2 bytes"),
    ([GOOD_A, item("b", [2], "INT8", None, binary_data_size=2)], b"\x01\x02\x03", "got 3 bytes"),
    ([GOOD_A, item("b", [2], "INT8", None, binary_data_size=-2)], b"\x01\x02", "number of bytes"),
    ([GOOD_A, item("b", [2], "INT8", None, binary_data_size="2")], b"\x01\x02", "number of bytes"),
    ([GOOD_A, item("b", [2], "INT8", None, binary_data_size=2)], None, "got 0 bytes"),
    (
        [{"name": "a", "shape": ["x", 2], "datatype": "FP32", "data": []}],
        None,
        r"inputs\[0\].shape",
    ),
    ([{"shape": [1]}], None, r"inputs\[0\]: .*missing required field `name`"),
    ({"a": 1}, None, "inputs: expected `array`, got `object`"),
]


@pytest.mark.parametrize(("inputs", "tail", "message"), REFUSED)
def test_a_request_that_does_not_fit_is_refused_with_its_place(
    inputs: Any, tail: bytes | None, message: str
) -> None:
    with pytest.raises(RequestError, match=message):
        decode(inputs, tail)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "body: expected JSON"),
        (b"{", "body: expected JSON, got .*truncated"),
        (b'{"inputs": [}', r"byte 12"),
        (b"[1]", "body: expected `object`, got `array`"),
        (b'{"inputs": NaN}', "body: expected JSON"),
        (b'{"inputs": ' + b"[" * 100_000, "expected `object`, got `array`"),
        (b"\xff\xfe", "body: expected JSON"),
    ],
)
def test_a_body_that_is_no_request_is_refused(body: bytes, message: str) -> None:
    with pytest.raises(RequestError, match=message):
        wire().decode(body, None, ARRIVAL)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
def test_json_with_nan_is_utf_8_without_a_mark_as_any_other(encoding: str) -> None:
    text = json.dumps({"inputs": [item("a", [2, 2], "FP32", [1, 2, math.nan, 4]), GOOD_B]})
    wire().decode(text.encode(), None, ARRIVAL)
    with pytest.raises(RequestError, match="body: expected JSON"):
        wire().decode(text.encode(encoding), None, ARRIVAL)


def test_random_bytes_never_raise_anything_else() -> None:
    nan = item("a", [2, 2], "FP32", [1, 2, float("nan"), 4])
    for first in (GOOD_A, nan):
        _damage(json.dumps({"inputs": [first, GOOD_B]}).encode())


def _damage(good: bytes) -> None:
    for _ in range(3000):
        cut = bytearray(good)
        for _ in range(secrets.randbelow(4) + 1):
            cut[secrets.randbelow(len(cut))] = secrets.randbelow(256)
        try:
            wire().decode(bytes(cut), None, ARRIVAL)
        except RequestError:
            continue
        except Exception:
            print(bytes(cut))
            raise


@pytest.mark.parametrize("length", [-1, 5, 10**9])
def test_a_json_length_outside_of_the_body_is_refused(length: int) -> None:
    with pytest.raises(RequestError, match="Inference-Header-Content-Length"):
        wire().decode(b"1234", length, ARRIVAL)


@pytest.mark.parametrize("timeout", [-1, 0.5, "soon", True])
def test_a_timeout_that_is_no_number_of_microseconds_is_refused(timeout: object) -> None:
    with pytest.raises(RequestError, match=r"parameters\.timeout"):
        decode([GOOD_A, GOOD_B], parameters={"timeout": timeout})


def test_an_unknown_output_is_refused() -> None:
    with pytest.raises(RequestError, match="outputs: expected some of y, got an output named 'z'"):
        decode([GOOD_A, GOOD_B], outputs=[{"name": "z"}])


def test_an_output_asked_for_twice_is_refused() -> None:
    with pytest.raises(RequestError, match="at most once"):
        decode([GOOD_A, GOOD_B], outputs=[{"name": "y"}, {"name": "y"}])


def test_a_half_precision_output_is_refused_as_json() -> None:
    with pytest.raises(RequestError, match="half: expected binary data, got FP16 as JSON"):
        wire(A, outputs=(HALF,)).decode(json.dumps({"inputs": [GOOD_A]}).encode(), None, ARRIVAL)


@pytest.mark.parametrize("default", [None, False, True])
@pytest.mark.parametrize("own", [None, False, True])
def test_the_choice_of_an_output_goes_before_that_of_the_request(
    default: bool | None, own: bool | None
) -> None:
    parameters = {} if default is None else {"binary_data_output": default}
    wish = {} if own is None else {"binary_data": own}
    request = decode(
        [GOOD_A, GOOD_B], parameters=parameters, outputs=[{"name": "y", "parameters": wish}]
    )
    assert request.outputs[0].is_binary is bool(default if own is None else own)


def response(array: Array) -> Response:
    return Response({"y": array}, 0.0, 0.0)


def test_a_response_echoes_the_id() -> None:
    encoded = wire().encode(
        decode([GOOD_A, GOOD_B], id="é"), response(np.zeros((1, 2), np.float32))
    )
    assert encoded.json_bytes is None
    assert json.loads(encoded.body) == {
        "model_name": "m",
        "model_version": "1",
        "id": "é",
        "outputs": [{"name": "y", "datatype": "FP32", "shape": [1, 2], "data": [0.0, 0.0]}],
    }


def test_nan_and_infinity_are_written_bare() -> None:
    array = np.array([[np.nan, -np.inf, 1.5]], np.float32)
    body = wire().encode(decode([GOOD_A, GOOD_B], id="null"), response(array)).body
    assert b'"data":[NaN,-Infinity,1.5]' in body
    assert json.loads(body)["id"] == "null"


def test_a_binary_output_follows_the_json() -> None:
    request = decode([GOOD_A, GOOD_B], parameters={"binary_data_output": True})
    array = np.array([[1.5, 2.5]], np.float32)
    encoded = wire().encode(request, response(array))
    assert encoded.json_bytes is not None
    told = json.loads(encoded.body[: encoded.json_bytes])
    assert told["outputs"] == [
        {"name": "y", "datatype": "FP32", "shape": [1, 2], "parameters": {"binary_data_size": 8}}
    ]
    assert encoded.body[encoded.json_bytes :] == array.tobytes()


def test_a_raw_body_is_the_only_input_of_one_example() -> None:
    request = wire(A).decode(np.array([1, 2], np.float32).tobytes(), 0, ARRIVAL)
    np.testing.assert_array_equal(request.inputs["a"], [[1, 2]])
    assert request.outputs[0].is_binary


def test_a_raw_string_comes_without_its_length() -> None:
    request = wire(TEXT).decode("é".encode(), 0, ARRIVAL)
    assert request.inputs["text"].tolist() == ["é"]


@pytest.mark.parametrize("inputs", [(A, B), (A,)])
def test_a_raw_body_that_does_not_fill_one_example_is_refused(
    inputs: tuple[TensorSpec, ...],
) -> None:
    with pytest.raises(RequestError, match="Inference-Header-Content-Length: 0"):
        wire(*inputs).decode(b"12345", 0, ARRIVAL)


def test_the_metadata_has_minus_one_for_every_free_size() -> None:
    model = ServedModel("m", Fixed(Signature((A,), (Y,))), "test", parameters={"variant": "int8"})
    assert describe(model) == {
        "name": "m",
        "versions": ["1"],
        "platform": "test",
        "inputs": [{"name": "a", "datatype": "FP32", "shape": [-1, 2]}],
        "outputs": [{"name": "y", "datatype": "FP32", "shape": [-1, -1]}],
        "parameters": {"variant": "int8"},
    }
