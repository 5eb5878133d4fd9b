from pathlib import Path
from xml.etree import ElementTree

import numpy as np
from benchmarks.serving.closed_loop import Loop
from benchmarks.serving.open_loop import Outcome
from benchmarks.serving.pictures import draw
from benchmarks.serving.posts import framed, plain_json, protocol_grpc, protocol_json, raw
from benchmarks.serving.records import Closed, Open, Range
from benchmarks.serving.tables import closed_table, open_table
from benchmarks.serving.workloads import workload

TITLES = {"ours": "Ours <&>", "theirs": "Theirs"}


def closed(peer: str, turn: int, per_s: float) -> Closed:
    loop = Loop(16, per_s, 1.0, 2.0, int(per_s), 3, 1)
    return Closed(peer, "tiny", turn, "json", loop, 0.25, 50_000_000)


def opened(peer: str, times: float, in_time: int) -> Open:
    outcome = Outcome(
        rate=times * 100,
        offered=200,
        in_time=in_time,
        late=10,
        refused={"503": 200 - 10 - in_time},
        broken=0,
        not_accepted=0,
        unanswered=0,
        seconds=1.0,
        p50_ms=1.0,
        p99_ms=9.0,
        lag_ms=0.1,
        retried=0,
        cut_s=[],
    )
    return Open(peer, "tiny", 0, "json", times, 100.0, outcome, 50_000_000)


def test_the_middle_of_the_rounds_is_told_with_the_ends() -> None:
    turns = [closed("ours", turn, rate) for turn, rate in enumerate((3000.0, 1000.0, 2000.0))]
    row = closed_table(turns, TITLES).splitlines()[-1]
    assert "2,000 (1,000 to 3,000)" in row
    assert row.endswith("| 12 |")  # refused and lost in three rounds
    assert Range.of([2.0]) == Range(2.0, 2.0, 2.0)


def test_answers_in_time_are_told_as_a_share_of_the_capacity() -> None:
    row = open_table([opened("ours", 2.0, 90)], TITLES).splitlines()[-1]
    assert "| 90% (90% to 90%) |" in row
    assert "| 50.0% | 0.0% |" in row  # refused, lost


def test_pictures_can_be_read_by_an_xml_parser(tmp_path: Path) -> None:
    found = draw(
        tmp_path,
        [closed("ours", 0, 1000.0), closed("theirs", 0, 10.0)],
        [opened("ours", 1.0, 90), opened("ours", 2.0, 80), opened("theirs", 2.0, 0)],
        TITLES,
    )
    assert sorted(path.name for path in found) == ["closed-tiny-json-16.svg", "open-tiny.svg"]
    for path in found:
        root = ElementTree.fromstring(path.read_text())
        assert root.tag == "{http://www.w3.org/2000/svg}svg"
        texts = [node.text for node in root.iter("{http://www.w3.org/2000/svg}text")]
        assert "Ours <&>" in texts


def test_a_request_asks_the_same_in_every_form(tmp_path: Path) -> None:
    load = workload("tiny", tmp_path)
    assert raw(load, "/x").read(load.answer.tobytes()).tolist() == load.answer.tolist()
    said = b'{"y": %s}' % str(load.answer.tolist()).encode()
    np.testing.assert_array_equal(plain_json(load, "/x").read(said), load.answer)
    sent = protocol_json(load, 5000).encode("host").decode()
    head, _, body = sent.partition("\r\n\r\n")
    assert f"Content-Length: {len(body)}" in head
    assert '"timeout": 5000' in body
    message = protocol_grpc(load)
    assert message.endswith(load.example.tobytes())
    assert framed(message)[:5] == b"\0" + len(message).to_bytes(4, "big")
