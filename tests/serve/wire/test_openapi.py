import re
from urllib.parse import quote

from tests.serve.child import Child, tensor

from tradewind.serve.wire.tensor_schemas import example, input_schema
from tradewind.tensors import Datatype, TensorSpec


def test_every_model_has_its_own_request(server: Child) -> None:
    told = server.ask("/openapi.json").json
    body = told["paths"]["/v2/models/tiny/infer"]["post"]["requestBody"]["content"]
    [plain, binary] = body["application/json"]["schema"]["properties"]["inputs"]["items"]["anyOf"]
    assert plain["properties"]["name"] == binary["properties"]["name"] == {"const": "x"}
    assert plain["properties"]["shape"]["prefixItems"] == [
        {"type": "integer", "minimum": 0},
        {"const": 4},
    ]


def test_the_examples_are_answered(server: Child) -> None:
    paths = server.ask("/openapi.json").json["paths"]
    asked = 0
    for path, methods in paths.items():
        body = methods.get("post", {}).get("requestBody", {}).get("content", {})
        given = body.get("application/json", {}).get("example")
        if given is not None and "broken" not in path:
            model = path.removeprefix("/v2/models/").removesuffix("/infer")
            assert server.infer(model, given).status == 200, path
            asked += 1
    assert asked > 10


def test_a_name_with_slashes_is_one_step_of_a_path(server: Child) -> None:
    path = f"/v2/models/{quote('two words/é', safe='')}"
    assert path in server.ask("/openapi.json").json["paths"]
    assert server.ask(path).json["name"] == "two words/é"


def test_a_type_without_json_has_only_bytes() -> None:
    spec = TensorSpec("x", Datatype.BF16, ("N",))
    assert example(spec) is None
    assert input_schema(spec)["properties"]["data"] is False


def test_the_page_to_try_runs_nothing_from_elsewhere(server: Child) -> None:
    answer = server.ask("/docs")
    assert answer.headers["content-type"].startswith("text/html")
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert not re.findall(rb"(?:https?:)?//[a-z0-9]", answer.body.split(b"<script>")[0])
    assert not re.findall(rb"src=|@import|url\(", answer.body.split(b"<script>")[0])


def test_the_statistics_count_what_was_asked(server: Child) -> None:
    def told() -> tuple[int, int]:
        [one] = server.ask("/v2/models/echo-INT8/stats").json["model_stats"]
        return one["inference_count"], one["inference_stats"]["success"]["count"]

    before = told()
    assert server.infer("echo-INT8", tensor([[1], [2]], [2, 1], "INT8")).status == 200
    assert told() == (before[0] + 2, before[1] + 1)
    everything = server.ask("/v2/models/stats").json["model_stats"]
    assert {"tiny", "echo-INT8"} <= {one["name"] for one in everything}
    assert server.ask("/v2/models/nope/stats").status == 404
    assert server.ask("/v2/models/echo-INT8/versions/2/stats").status == 404
