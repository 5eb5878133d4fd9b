"""A directory of models behind a real server: what its clients see while models come and go."""

import http.client
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.cli.test_serve import serving
from tests.serve.residency.scaling import link_many, write

PATIENCE_S = 60.0
BODY = json.dumps({"inputs": [{"name": "x", "datatype": "FP32", "shape": [1], "data": [1.0]}]})


class Client:
    """One connection that is kept open."""

    def __init__(self, url: str) -> None:
        self._connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=PATIENCE_S)

    def post(self, path: str, body: str = "") -> tuple[int, Any]:
        self._connection.request("POST", path, body)
        response = self._connection.getresponse()
        return response.status, json.loads(response.read())

    def infer(self, name: str) -> tuple[int, Any]:
        """Return what a model makes of 1, or the message of its refusal."""
        status, told = self.post(f"/v2/models/{name}/infer", BODY)
        return status, told["outputs"][0]["data"][0] if status == 200 else told["error"]

    def index(self) -> dict[str, dict[str, str]]:
        return {one["name"]: one for one in self.post("/v2/repository/index")[1]}

    def close(self) -> None:
        self._connection.close()


@contextmanager
def client(url: str) -> Iterator[Client]:
    found = Client(url)
    try:
        yield found
    finally:
        found.close()


def until(holds: Callable[[], bool], what: str) -> None:
    """Wait for what has to become true; fail when it does not in a long time."""
    limit = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < limit, what
        time.sleep(0.02)


class Load:
    """Clients that ask one model all the time, and remember every answer."""

    def __init__(self, url: str, name: str, count: int) -> None:
        self.answers: list[list[tuple[int, Any]]] = [[] for _ in range(count)]
        self.errors: list[Exception] = []
        self._url, self._name = url, name
        self._is_over = threading.Event()
        self._threads = [threading.Thread(target=self._ask, args=(one,)) for one in self.answers]
        for thread in self._threads:
            thread.start()

    def _ask(self, answers: list[tuple[int, Any]]) -> None:
        try:
            with client(self._url) as asking:
                while not self._is_over.is_set():
                    answers.append(asking.infer(self._name))
        except Exception as error:  # the test fails with it
            self.errors.append(error)

    def stop(self) -> None:
        self._is_over.set()
        for thread in self._threads:
            thread.join(PATIENCE_S)


def _end_with(load: Load, value: float) -> bool:
    return all(answers and answers[-1] == (200, value) for answers in load.answers)


def test_a_reload_under_load_drops_and_mixes_up_nothing(tmp_path: Path) -> None:
    path = write(tmp_path / "m.onnx", 2)
    poll = ("--model-control", "poll", "--poll-s", "0.05")
    with serving("--model-dir", tmp_path, *poll) as (url, _):
        load = Load(url, "m", 4)
        try:
            for factor in (2, 3, 4, 5):
                write(path, factor)
                answered = partial(_end_with, load, factor)
                until(answered, f"not everybody was answered with {factor}")
        finally:
            load.stop()
    assert not load.errors
    for answers in load.answers:
        assert {status for status, _ in answers} == {200}
        values = [value for _, value in answers]
        assert values == sorted(values)  # never the old model after the new one
        assert set(values) == {2, 3, 4, 5}


def test_a_corrupt_bundle_and_a_corrupt_reload_disturb_nobody(tmp_path: Path) -> None:
    path = write(tmp_path / "m.onnx", 2)
    poll = ("--model-control", "poll", "--poll-s", "0.05")
    with serving("--model-dir", tmp_path, *poll) as (url, _), client(url) as asking:
        load = Load(url, "m", 2)
        try:
            until(lambda: all(load.answers), "no answer")
            bundle = tmp_path / "corrupt.tw"
            bundle.mkdir()
            (bundle / "SEAL").write_bytes(b"0" * 64 + b"\n{}")
            path.write_bytes(b"half a model")
            until(lambda: "corrupt" in asking.index(), "the bundle was not seen")
            status, message = asking.infer("corrupt")
            assert status == 503
            assert "the hashes themselves were changed" in message
            until(lambda: "m.onnx" in asking.index()["m"]["reason"], "no reload was tried")
            index = asking.index()
            assert index["m"]["state"] == "READY"
            assert index["corrupt"]["state"] == "UNAVAILABLE"
            assert "the hashes" in index["corrupt"]["reason"]
            done = len(load.answers[0])
            until(lambda: len(load.answers[0]) > done, "no answer any more")
        finally:
            load.stop()
    assert not load.errors
    assert {answer for answers in load.answers for answer in answers} == {(200, 2.0)}


def test_a_thousand_models_are_served_from_one_directory(tmp_path: Path) -> None:
    folder = tmp_path / "many"
    folder.mkdir()
    link_many(folder, write(tmp_path / "source.onnx", 2), 1000)
    limit = ("--model-memory-mb", "200")
    with serving("--model-dir", folder, *limit) as (url, _), client(url) as asking:
        assert len(asking.index()) == 1000
        for name in ("m0000", "m0500", "m0999"):
            assert asking.infer(name) == (200, 2)
        ready = [one for one in asking.index().values() if one["state"] == "READY"]
        assert len(ready) == 3
        status, message = asking.infer("m1000")
        assert status == 404
        assert "and 992 others" in message


def test_clients_load_and_unload_in_explicit_mode(tmp_path: Path) -> None:
    write(tmp_path / "m.onnx", 2)
    explicit = ("--model-control", "explicit")
    with serving("--model-dir", tmp_path, *explicit) as (url, _), client(url) as asking:
        assert asking.infer("m")[0] == 404
        assert asking.post("/v2/repository/models/m/load", "{}") == (200, {})
        assert asking.infer("m") == (200, 2)
        assert asking.post("/v2/repository/models/m/unload") == (200, {})
        assert asking.infer("m")[0] == 404
        assert asking.post("/v2/repository/models/nobody/load")[0] == 404
