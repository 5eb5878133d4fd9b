from pathlib import Path

import pytest
from tests.cli.child import tradewind
from tests.cli.conftest import Quick

from tradewind.bundle import damages

pytest.importorskip("sklearn", reason="the demo's images come with scikit-learn")


def test_the_demo_runs_from_the_model_to_an_answer(tmp_path: Path) -> None:
    done = tradewind("demo", "--time", "6s", "--json", folder=tmp_path)
    assert done.code == 0, done.err
    found = done.document
    assert found["answer"]["digit"] in range(10)
    assert "$ tradewind optimize tradewind-demo/digits.onnx" in done.err
    assert "$ tradewind serve tradewind-demo/digits.tw" in done.err
    assert damages(tmp_path / "tradewind-demo" / "digits.tw") == []
    names = {path.name for path in (tmp_path / "tradewind-demo").iterdir()}
    assert names == {"digits.onnx", "digits.npz", "digits.tw"}


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_a_search_that_fails_fails_the_demo(options: list[str], tmp_path: Path) -> None:
    done = tradewind("demo", "--time", "soon", *options, folder=tmp_path)
    assert done.code == 2
    assert "--time: expected a duration" in done.err
    if options:
        assert done.document["error"]["where"] == "--time"


def test_a_file_in_the_way_is_named(tmp_path: Path, quick: Quick) -> None:
    (tmp_path / "file").write_bytes(b"precious")
    done = quick("demo", "--out", tmp_path / "file")
    assert done.code == 2
    assert "expected a folder that can be written to" in done.err
    assert (tmp_path / "file").read_bytes() == b"precious"
