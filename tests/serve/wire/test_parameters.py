import json

import pytest
from tests.serve.child import Child, tensor
from tests.serve.wire.test_inference import ARRIVAL, GOOD_A, GOOD_B, decode, item, wire

from tradewind.errors import RequestError
from tradewind.tensors import Datatype, TensorSpec


@pytest.mark.parametrize("name", ["binary_data_output", "timeout", "priority"])
@pytest.mark.parametrize("value", ["1", None, [], -1, 0.5])
def test_a_parameter_of_another_kind_is_refused(name: str, value: object) -> None:
    wish = {"name": "y", "parameters": {"binary_data": value}}
    with pytest.raises(RequestError, match=rf"^parameters\.{name}: expected "):
        decode([GOOD_A, GOOD_B], parameters={name: value})
    if name == "binary_data_output":
        with pytest.raises(RequestError, match=r"^y\.parameters\.binary_data: expected true or"):
            decode([GOOD_A, GOOD_B], outputs=[wish])


def test_the_request_says_how_urgent_it_is() -> None:
    assert decode([GOOD_A, GOOD_B], parameters={"priority": 3}).priority == 3
    assert decode([GOOD_A, GOOD_B]).priority == 0


@pytest.mark.parametrize(
    ("own", "timeout_s"), [({}, 2.0), ({"timeout": 0}, 2.0), ({"timeout": 5}, 5e-6)]
)
def test_the_timeout_of_the_request_goes_before_that_of_its_headers(
    own: dict[str, int], timeout_s: float
) -> None:
    body = json.dumps({"inputs": [GOOD_A, GOOD_B], "parameters": own}).encode()
    assert wire().decode(body, None, ARRIVAL, 2.0).timeout_s == timeout_s


def test_shared_memory_is_refused_by_its_name() -> None:
    given = item("a", [2, 2], "FP32", None, shared_memory_region="r", shared_memory_byte_size=16)
    with pytest.raises(RequestError, match="shared memory is off"):
        decode([given, GOOD_B])


@pytest.mark.parametrize("sizes", [[0, 10**30], [2**60, 0], [0, 2**49]])
def test_an_empty_tensor_has_sizes_within_reason(sizes: list[int]) -> None:
    free = wire(TensorSpec("a", Datatype.FP32, ("N", None)))
    for parameters in ({}, {"binary_data_size": 0}):
        data: list[float] | None = None if parameters else []
        body = json.dumps({"inputs": [item("a", sizes, "FP32", data, **parameters)]}).encode()
        with pytest.raises(RequestError, match=r"a\.shape"):
            free.decode(body, len(body), ARRIVAL)
    body = json.dumps({"inputs": [item("a", [0, 2**40], "FP32", [])]}).encode()
    assert free.decode(body, None, ARRIVAL).inputs["a"].shape == (0, 2**40)


def test_a_header_tells_how_long_a_client_waits(server: Child) -> None:
    for header in ("-1", "1.5", "soon", ""):
        answer = server.infer("tiny", tensor([1] * 4), {"X-Request-Timeout-Ms": header})
        assert answer.error.startswith("X-Request-Timeout-Ms: expected whole milliseconds")
    for header in ("0", "20000", "9" * 40):
        assert server.infer("tiny", tensor([1] * 4), {"X-Request-Timeout-Ms": header}).status == 200
