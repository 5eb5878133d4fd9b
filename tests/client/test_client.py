import asyncio
import json
from collections import deque
from collections.abc import AsyncGenerator, Generator, Mapping
from pathlib import Path
from typing import final

import ml_dtypes
import numpy as np
import pytest

from tradewind.client import AsyncClient, Client, Refused, Retries
from tradewind.client.asking import Question, Received, Scalar, Sent
from tradewind.client.grpc import Grpc
from tradewind.client.lines import Address, AsyncLine, Line
from tradewind.client.rest import Rest
from tradewind.errors import RequestError, SettingError
from tradewind.protocol import schema
from tradewind.tensors import Datatype

X = np.ones((1, 4), np.float32)
BUSY = Received(b"", {"retry-after": "0.01"}, "429", "model tiny: expected room", may_retry=True)
QUICK = Retries(most=2, spread=0.0)


def answer(**arrays: np.ndarray) -> Received:
    """What a server answers over REST, in JSON."""
    outputs = [
        {"name": name, "datatype": Datatype.of(array.dtype).value, "shape": list(array.shape),
         "data": array.ravel().tolist()}
        for name, array in arrays.items()
    ]  # fmt: skip
    return Received(json.dumps({"model_name": "tiny", "outputs": outputs}).encode(), {})


@final
class Script(Line):
    """Answers as it was told to, and remembers what it was asked."""

    def __init__(self, *answers: Received) -> None:
        self._answers = deque(answers)
        self.asked: list[tuple[Sent, dict[str, str], float | None]] = []

    def send(self, sent: Sent, headers: Mapping[str, str], timeout_s: float | None) -> Received:
        self.asked.append((sent, dict(headers), timeout_s))
        return self._answers.popleft()

    def stream(
        self, sent: Sent, headers: Mapping[str, str], timeout_s: float | None
    ) -> Generator[Received, None, None]:
        self.asked.append((sent, dict(headers), timeout_s))
        while self._answers:
            received = self._answers.popleft()
            yield received
            if received.status:
                return

    def close(self) -> None:
        self._answers.clear()


@final
class AsyncScript(AsyncLine):
    """The same for clients that do not wait."""

    def __init__(self, *answers: Received) -> None:
        self.script = Script(*answers)

    async def send(
        self, sent: Sent, headers: Mapping[str, str], timeout_s: float | None
    ) -> Received:
        return self.script.send(sent, headers, timeout_s)

    async def stream(
        self, sent: Sent, headers: Mapping[str, str], timeout_s: float | None
    ) -> AsyncGenerator[Received, None]:
        for received in self.script.stream(sent, headers, timeout_s):
            yield received

    async def close(self) -> None:
        self.script.close()


def test_a_refused_request_is_sent_again_when_the_server_says_when() -> None:
    line = Script(BUSY, BUSY, answer(y=X))
    client = Client("http://here", retries=QUICK, line=line)
    assert client.infer("tiny", {"x": X})["y"].tolist() == X.tolist()
    assert len(line.asked) == 3


def test_the_asynchronous_client_is_as_patient() -> None:
    line = AsyncScript(BUSY, answer(y=X))

    async def ask() -> None:
        async with AsyncClient("http://here", retries=QUICK, line=line) as client:
            assert (await client.infer("tiny", {"x": X}))["y"].tolist() == X.tolist()

    asyncio.run(ask())
    assert len(line.script.asked) == 2


def test_patience_ends() -> None:
    line = Script(BUSY, BUSY, BUSY)
    with pytest.raises(Refused, match="got 429: model tiny: expected room") as caught:
        Client("http://here", retries=QUICK, line=line).infer("tiny", {"x": X})
    assert (caught.value.status, caught.value.retry_after_s) == ("429", 0.01)
    assert not line._answers


def test_nobody_waits_beyond_the_deadline() -> None:
    late = Received(b"", {"retry-after": "5"}, "503", "later", may_retry=True)
    line = Script(late)
    with pytest.raises(Refused, match="503: later"):
        Client("http://here", line=line).infer("tiny", {"x": X}, timeout_s=1)
    assert len(line.asked) == 1


def test_other_refusals_are_told_at_once() -> None:
    line = Script(Received(b"", {"retry-after": "0"}, "400", "wrong shape"))
    with pytest.raises(Refused, match="wrong shape"):
        Client("http://here", line=line).infer("tiny", {"x": X})


def test_the_server_learns_the_deadline() -> None:
    line = Script(answer(y=X))
    Client("http://here", line=line, token="secret").infer("tiny", {"x": X}, timeout_s=2)
    sent, headers, timeout_s = line.asked[0]
    assert headers == {"authorization": "Bearer secret"}
    assert timeout_s is not None
    assert 0 < timeout_s <= 2
    head = json.loads(sent.body[: int(sent.headers["inference-header-content-length"])])
    assert 0 < head["parameters"]["timeout"] <= 2_000_000


def test_a_model_with_one_input_takes_an_array_without_a_name() -> None:
    told = {"inputs": [{"name": "x", "datatype": "FP32", "shape": [-1, 4]}], "outputs": []}
    metadata = Received(json.dumps(told).encode(), {})
    line = Script(metadata, answer(y=X), answer(y=X))
    client = Client("http://here", line=line)
    client.infer("tiny", X)
    client.infer("tiny", X)
    paths = [sent.path for sent, _, _ in line.asked]
    assert paths == ["GET /v2/models/tiny", *["POST /v2/models/tiny/infer"] * 2]


def test_a_model_with_more_inputs_wants_names() -> None:
    told = {"inputs": [{"name": "a"}, {"name": "b"}]}
    line = Script(Received(json.dumps(told).encode(), {}))
    with pytest.raises(RequestError, match="arrays by name: a, b"):
        Client("http://here", line=line).infer("tiny", X)


def values(datatype: Datatype) -> np.ndarray:
    if datatype is Datatype.BYTES:
        return np.array([["a", "é"]], object)
    if datatype is Datatype.BF16:
        return np.array([[1.5, -2.0]], ml_dtypes.bfloat16)
    return np.array([[0, 1]]).astype(datatype.numpy)


@pytest.mark.parametrize("datatype", Datatype)
def test_grpc_says_what_the_schema_says(datatype: Datatype) -> None:
    array = values(datatype)
    parameters: dict[str, Scalar] = {"b": True, "i": -3, "u": 2**64 - 1, "s": "x", "d": 0.5}
    sent = Grpc().infer(Question("m", {"x": array}, "2", ("y",), parameters, "7"))
    request = schema.message_type("inference.ModelInferRequest").FromString(sent.body)
    assert (request.model_name, request.model_version, request.id) == ("m", "2", "7")
    found = {
        name: getattr(one, one.WhichOneof("parameter_choice"))
        for name, one in request.parameters.items()
    }
    assert found == parameters
    response = schema.message_type("inference.ModelInferResponse")()
    response.outputs.add(name="y", datatype=datatype.value, shape=list(array.shape))
    response.raw_output_contents.extend(request.raw_input_contents)
    answered = Grpc().read_answer(Received(response.SerializeToString(), {}))["y"]
    assert answered.dtype == array.dtype
    assert answered.tolist() == array.tolist()


@pytest.mark.parametrize("body", [b"no json", b"[1]", b'{"outputs": [{"name": "y"}]}'])
def test_an_answer_that_is_none_is_an_error(body: bytes) -> None:
    with pytest.raises(RequestError, match="answer: expected JSON of the protocol"):
        Rest().read_answer(Received(body, {}))


@pytest.mark.parametrize(
    ("url", "scheme", "host"),
    [
        ("127.0.0.1:8000", "http", "127.0.0.1:8000"),
        ("grpc://[::1]:8001", "grpc", "[::1]:8001"),
        ("https://there/models/", "https", "there"),
    ],
)
def test_addresses_are_read(url: str, scheme: str, host: str) -> None:
    found = Address.parse(url)
    assert (found.scheme, found.host) == (scheme, host)


@pytest.mark.parametrize("url", ["ftp://there", "http://", ""])
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(SettingError, match="http://HOST:PORT"):
        Client(url)


def test_authorities_that_are_not_there_are_refused(tmp_path: Path) -> None:
    for scheme in ("https", "grpcs"):
        with pytest.raises(SettingError, match="certificates in PEM"):
            Client(f"{scheme}://here:1", ca=tmp_path / "none.pem")
