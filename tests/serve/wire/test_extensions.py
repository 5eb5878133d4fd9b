from tests.serve.child import Child, start


def test_the_configuration_leaves_the_batch_out_of_the_sizes(server: Child) -> None:
    told = server.ask("/v2/models/tiny/config").json
    assert told == server.ask("/v2/models/tiny/versions/1/config").json
    assert (told["name"], told["backend"], told["max_batch_size"]) == ("tiny", "onnxruntime", 4096)
    assert told["input"] == [{"name": "x", "data_type": "TYPE_FP32", "dims": [4]}]
    assert told["output"] == [{"name": "y", "data_type": "TYPE_FP32", "dims": [4]}]
    assert told["parameters"] == {"variant": {"string_value": "original"}}
    assert server.ask("/v2/models/echo-BYTES/config").json["input"][0]["data_type"] == "TYPE_STRING"


def test_the_index_lists_what_there_is(server: Child) -> None:
    everything = server.ask("/v2/repository/index", b"").json
    assert {"name": "tiny", "version": "1", "state": "READY", "reason": ""} in everything
    assert server.ask("/v2/repository/index", b'{"ready": true}').json == everything


def test_a_body_that_is_no_wish_is_refused(server: Child) -> None:
    for body in (b"[]", b"{", b'{"ready": 1}', b"\xff", b"[" * 100_000):
        answer = server.ask("/v2/repository/index", body)
        assert (answer.status, answer.error.partition(":")[0]) == (400, "body")


def test_a_server_of_named_models_loads_nothing(server: Child) -> None:
    for action in ("load", "unload"):
        assert server.ask(f"/v2/repository/models/tiny/{action}", b"").status == 501
        answer = server.ask(f"/v2/repository/models/nope/{action}", b"{}")
        assert (answer.status, "Request for unknown model" in answer.error) == (404, True)


def test_shared_memory_says_that_it_is_off(server: Child) -> None:
    paths = ("systemsharedmemory/status", "cudasharedmemory/region/a/status")
    for path in paths:
        answer = server.ask(f"/v2/{path}")
        assert (answer.status, "shared memory is off" in answer.error) == (501, True)
    answer = server.ask("/v2/systemsharedmemory/region/a/register", b"{}")
    assert answer.status == 501


def test_the_server_is_called_what_it_was_told() -> None:
    with start(server_name="triton") as child:
        assert child.ask("/v2").json["name"] == "triton"
