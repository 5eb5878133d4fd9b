import base64
import io
import json

import numpy as np
import pytest
from PIL import Image
from tests.cases.sentences import opinion, tokenization
from tests.serve.child import Answer, Child
from tests.serve.pictures import picture
from tests.serve.wire.test_inference import ARRIVAL

from tradewind.data import Preprocessing
from tradewind.engines import OnnxRuntime
from tradewind.runners import Tokenized
from tradewind.serve import ServedModel
from tradewind.serve.messages import Response
from tradewind.serve.shapes import InputRules
from tradewind.serve.wire.contents import Sentence, contents_of
from tradewind.serve.wire.inference import Wire

INFER = "/v2/models/picture/infer"


def file(
    kind: str, size: tuple[int, int] = (40, 30), color: tuple[int, int, int] = (255, 0, 51)
) -> bytes:
    content = io.BytesIO()
    Image.new("RGB", size, color).save(content, kind)
    return content.getvalue()


def scores(answer: Answer) -> list[tuple[str, float]]:
    [output] = answer.json["outputs"]
    assert (output["datatype"], output["shape"]) == ("BYTES", [1, 3])
    return [(one.split(":")[2], float(one.split(":")[0])) for one in output["data"]]


@pytest.mark.parametrize("kind", ["jpeg", "png", "webp", "bmp"])
def test_a_picture_is_posted_as_it_is(server: Child, kind: str) -> None:
    answer = server.ask(INFER, file(kind), {"Content-Type": f"image/{kind}"})
    found = scores(answer)
    assert [name for name, _ in found] == ["red", "blue", "green"]
    expected = [1.0, -0.6, -1.0]  # 255, 51 and 0 of 255, with mean and deviation of one half
    assert [score for _, score in found] == pytest.approx(expected, abs=0.05)


def test_a_picture_is_decoded_as_for_the_certificate() -> None:
    random = np.random.default_rng(7).integers(0, 256, (50, 31, 3), np.uint8)
    content = io.BytesIO()
    Image.fromarray(random).save(content, "JPEG")
    steps = Preprocessing(size=(8, 6), mean=(0.5,), std=(0.5,))
    contents = contents_of(picture())
    assert contents is not None
    decoded = steps.decode(content.getvalue())
    np.testing.assert_array_equal(contents.read(content.getvalue()), decoded[None])


def test_pictures_come_as_bytes_in_a_request(server: Child) -> None:
    files = [file("jpeg"), file("png", (3, 3), (0, 255, 0))]
    for shape in ([2], [2, 1]):
        tail = b"".join(len(one).to_bytes(4, "little") + one for one in files)
        item = {"name": "x", "shape": shape, "datatype": "BYTES"}
        head = json.dumps(
            {"inputs": [{**item, "parameters": {"binary_data_size": len(tail)}}]}
        ).encode()
        binary = server.ask(INFER, head + tail, {"Inference-Header-Content-Length": str(len(head))})
        [output] = binary.json["outputs"]
        assert (output["datatype"], output["shape"]) == ("FP32", [2, 3])
        data = [base64.b64encode(one).decode() for one in files]
        nested = [[one] for one in data] if len(shape) == 2 else data
        for form in (data, nested):
            plain = server.infer("picture", {"inputs": [{**item, "data": form}]})
            assert plain.json["outputs"] == [output]


REFUSED = [
    ({"shape": [1], "data": ["?"]}, "x.data: expected image files in base64"),
    ({"shape": [1], "data": [7]}, "x.data: expected image files in base64"),
    ({"shape": [2], "data": [""]}, "x.data: expected 2 image files, got 1"),
    ({"shape": [1]}, "x.data: expected 1 image files, got 0"),
    ({"shape": [1], "data": [""]}, "x[0]: expected an image"),
    ({"shape": [0], "data": []}, "x.shape: expected [N] or [N, 1]"),
    ({"shape": [1, 2], "data": ["", ""]}, "x.shape: expected [N] or [N, 1]"),
    ({"shape": [9999], "data": []}, "x.shape: expected at most 4096 image files"),
    ({"shape": [1], "parameters": {"binary_data_size": 9}}, "x: expected 9 bytes of binary data"),
    ({"name": "z", "shape": [1], "data": [""]}, "inputs: expected each of x once"),
]


@pytest.mark.parametrize(("item", "message"), REFUSED)
def test_a_request_without_pictures_is_refused(
    server: Child, item: dict[str, object], message: str
) -> None:
    answer = server.infer("picture", {"inputs": [{"name": "x", "datatype": "BYTES", **item}]})
    assert answer.status == 400
    assert answer.error.startswith(message)


def test_what_is_no_picture_is_refused(server: Child) -> None:
    for body in (b"", b"GIF89a", file("png")[:60], b"{}"):
        answer = server.ask(INFER, body, {"Content-Type": "image/png"})
        assert (answer.status, answer.error.split(":")[0]) == (400, "body")


def test_a_model_of_numbers_says_that_it_reads_no_files(server: Child) -> None:
    answer = server.ask("/v2/models/tiny/infer", file("jpeg"), {"Content-Type": "image/jpeg"})
    assert answer.status == 400
    assert answer.error.startswith("Content-Type: expected a request as JSON, got image/jpeg")


def test_a_small_file_of_many_pixels_is_refused(server: Child) -> None:
    content = io.BytesIO()
    Image.new("1", (20_000, 20_000)).save(content, "PNG")
    assert len(content.getvalue()) < 2**20
    answer = server.ask(INFER, content.getvalue(), {"Content-Type": "image/png"})
    assert (answer.status, "pixels" in answer.error) == (400, True)


def test_a_sentence_is_posted_as_it_is(server: Child) -> None:
    for given, text in ((b"An \xc3\xa9tude.\r\n", "An étude."), (b"two\nlines", "two\nlines")):
        path = "/v2/models/echo-BYTES/infer"
        answer = server.ask(path, given, {"Content-Type": "text/plain; charset=utf-8"})
        [output] = answer.json["outputs"]
        assert (output["shape"], output["data"]) == ([1, 1], [text])
    answer = server.ask(path, b"\xff", {"Content-Type": "text/plain"})
    assert (answer.status, answer.error.split(":")[0]) == (400, "body")


def test_a_sentence_becomes_tokens_and_the_answer_a_name() -> None:
    pytest.importorskip("tokenizers")
    with OnnxRuntime(threads=1).compile(opinion()) as inner:
        runner = Tokenized(inner, tokenization())
        model = ServedModel("m", runner, "test", classes=("bad", "good"))
        wire = Wire(model, InputRules(runner.signature, 8))
        request = wire.decode_contents(b"A good good film", ARRIVAL, None)
        told = json.loads(wire.encode(request, Response(runner(request.inputs), 0.0, 0.0)).body)
    assert told["outputs"][0]["data"] == ["2.0:1:good", "0.0:0:bad"]


def test_a_request_that_is_called_text_is_a_request(server: Child) -> None:
    item = {"name": "x", "shape": [1, 1], "datatype": "BYTES", "data": ["a"]}
    headers = {"Content-Type": "text/plain;charset=UTF-8"}
    assert server.infer("echo-BYTES", {"inputs": [item]}, headers).json["outputs"][0]["data"] == [
        "a"
    ]
    item = {"name": "x", "shape": [1, 4], "datatype": "FP32", "data": [1, 2, 3, 4]}
    assert server.infer("tiny", {"inputs": [item]}, headers).status == 200


def test_a_sentence_has_the_rank_of_its_input() -> None:
    assert Sentence("x", 0).read(b"a").shape == ()
    assert Sentence("x", 2).read(b"a").tolist() == [["a"]]


def test_the_description_names_the_files(server: Child) -> None:
    paths = server.ask("/openapi.json").json["paths"]
    assert "image/jpeg" in paths[INFER]["post"]["requestBody"]["content"]
    text = paths["/v2/models/echo-BYTES/infer"]["post"]["requestBody"]["content"]
    assert "text/plain" in text
    assert "text/plain" not in paths["/v2/models/tiny/infer"]["post"]["requestBody"]["content"]
