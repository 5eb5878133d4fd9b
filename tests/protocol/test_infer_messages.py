import random
import secrets
from typing import Any

import numpy as np
import pytest

from tradewind.errors import RequestError
from tradewind.protocol import schema
from tradewind.protocol.infer_messages import (
    InferRequest,
    Input,
    Output,
    ResponseWriter,
    Told,
    read_request,
)

REQUEST = schema.message_type("inference.ModelInferRequest")
RESPONSE = schema.message_type("inference.ModelInferResponse")
LETTERS = "aé_-.猫 "


def word(chance: random.Random) -> str:
    return "".join(chance.choices(LETTERS, k=chance.choice((0, 1, 5, 200))))


def parameter(chance: random.Random) -> dict[str, Any]:
    return chance.choice(
        [
            {"bool_param": chance.random() < 0.5},
            {"int64_param": chance.randint(-(2**63), 2**63 - 1)},
            {"string_param": word(chance)},
            {"double_param": chance.uniform(-1e9, 1e9)},
            {"uint64_param": chance.randint(0, 2**64 - 1)},
        ]
    )


def parameters(chance: random.Random) -> dict[str, Any]:
    return {word(chance): parameter(chance) for _ in range(chance.choice((0, 0, 1, 3)))}


def message(chance: random.Random) -> Any:
    """A request of random content, made by the library of protobuf."""
    kinds: list[dict[str, Any]] = [
        {"fp32_contents": [1.5, -2.0]},
        {"int_contents": [-1, 2**31 - 1]},
    ]
    inputs = [
        {
            "name": word(chance),
            "datatype": word(chance),
            "shape": [
                chance.choice((0, 1, 127, 128, 2**31, -1)) for _ in range(chance.randint(0, 4))
            ],
            "parameters": parameters(chance),
            **({"contents": chance.choice(kinds)} if chance.random() < 0.3 else {}),
        }
        for _ in range(chance.randint(0, 3))
    ]
    outputs = [
        {"name": word(chance), "parameters": parameters(chance)}
        for _ in range(chance.randint(0, 2))
    ]
    return REQUEST(
        model_name=word(chance),
        model_version=word(chance),
        id=word(chance),
        parameters=parameters(chance),
        inputs=inputs,
        outputs=outputs,
        raw_input_contents=[chance.randbytes(chance.choice((0, 3, 300))) for _ in inputs],
    )


def values(found: Any) -> dict[str, Any]:
    """The parameters of a message of the library; those that hold nothing are passed over."""
    return {
        name: getattr(one, choice)
        for name, one in found.items()
        if (choice := one.WhichOneof("parameter_choice")) is not None
    }


def as_read(expected: Any) -> InferRequest:
    """What a message of the library holds, in our words."""
    return InferRequest(
        expected.model_name,
        expected.model_version,
        expected.id,
        values(expected.parameters),
        [
            Input(
                item.name,
                item.datatype,
                list(item.shape),
                values(item.parameters),
                item.contents.SerializeToString() if item.HasField("contents") else None,
            )
            for item in expected.inputs
        ],
        [Output(item.name, values(item.parameters)) for item in expected.outputs],
        [memoryview(raw) for raw in expected.raw_input_contents],
    )


@pytest.fixture
def chance() -> random.Random:
    seed = secrets.randbits(32)
    print(f"seed {seed}")
    return random.Random(seed)


def test_a_request_is_read_as_the_library_reads_it(chance: random.Random) -> None:
    for _ in range(300):
        expected = message(chance)
        content = expected.SerializeToString()
        assert read_request(content) == as_read(expected)
        assert read_request(bytearray(content)) == as_read(expected)


def test_unknown_fields_are_passed_over() -> None:
    known = REQUEST(model_name="tiny", id="7").SerializeToString()
    unknown = bytes.fromhex("a00601a9060102030405060708ad0601020304a2060161")
    assert read_request(unknown + known + unknown).id == "7"


def test_a_shape_may_be_sent_number_by_number() -> None:
    item = b"\x0a\x01x" + b"\x18\x02" + b"\x18\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"
    found = read_request(b"\x2a" + bytes([len(item)]) + item)
    assert found.inputs[0].shape == [2, -1]


def test_damaged_requests_are_refused_and_nothing_else(chance: random.Random) -> None:
    refused = 0
    for _ in range(3000):
        content = bytearray(message(chance).SerializeToString() or b"\n")
        for _ in range(chance.randint(1, 4)):
            content[chance.randrange(len(content))] = chance.randrange(256)
        refused += is_refused(bytes(content[: chance.randint(0, len(content))]))
    assert refused > 0


def is_refused(content: bytes) -> bool:
    try:
        read_request(content)
    except RequestError:
        return True
    return False


@pytest.mark.parametrize(
    "content",
    [
        b"\x0a\x05abc",  # a string longer than the message
        b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",  # a length of 70 bits
        b"\x0a",
        b"\x07\x01",  # a kind that does not exist
        b"\x0a\x01\xff",  # not UTF-8
        b"\x2a\x03\x1a\x01\x80",  # a shape that does not end
    ],
)
def test_malformed_bytes_are_refused(content: bytes) -> None:
    with pytest.raises(RequestError, match="expected a message of protobuf"):
        read_request(content)


def test_a_response_is_what_the_library_reads(chance: random.Random) -> None:
    writer = ResponseWriter("tiny", "3")
    small = np.arange(6, dtype=np.int16).reshape(2, 3)
    large = np.asfortranarray(np.arange(400 * 300, dtype=np.float32).reshape(400, 300))
    empty = np.zeros((0, 4), np.float32)
    outputs: list[Told] = [
        ("s", "INT16", small, small.shape),
        ("l", "FP32", large, large.shape),
        ("e", "FP32", empty, empty.shape),
        ("t", "BYTES", b"\x01\0\0\0a", (1,)),
    ]
    found = RESPONSE.FromString(b"".join(writer.write("é7", outputs, is_final=True)))
    assert (found.model_name, found.model_version, found.id) == ("tiny", "3", "é7")
    assert values(found.parameters) == {"triton_final_response": True}
    told = [(one.name, one.datatype, tuple(one.shape)) for one in found.outputs]
    assert told == [(name, kind, shape) for name, kind, _, shape in outputs]
    raw = [small.tobytes(), large.tobytes(), b"", b"\x01\0\0\0a"]
    assert list(found.raw_output_contents) == raw


def test_the_compiled_schema_is_that_of_the_files() -> None:
    names = {
        method.full_name
        for method in schema.pool().FindServiceByName("inference.GRPCInferenceService").methods
    }
    text = schema.COMPILED.with_name("inference.proto").read_text()
    for name in names:
        assert f"rpc {name.rpartition('.')[2]}(" in text
    assert len(names) == text.count("rpc ")
