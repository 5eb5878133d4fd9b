import secrets
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tradewind.errors import ModelError
from tradewind.importers.conversion import Conversion
from tradewind.importers.converters.exchange import read_tensors, write_tensors
from tradewind.importers.onnx import freeze
from tradewind.importers.parity import check_parity
from tradewind.model import Model, Origin
from tradewind.tensors import Array

SCRIPT = Path(__file__).with_name("doubling.py")


@contextmanager
def doubling(timeout_s: float = 60.0, **request: Any) -> Iterator[Conversion]:
    python = Path(sys.executable)
    with Conversion.run(SCRIPT, python, request, "double.x", timeout_s=timeout_s) as found:
        yield found


def imported(conversion: Conversion) -> Model:
    return freeze(conversion.proto, Origin("doubling", "double.x"))


def test_a_conversion_gives_a_graph_with_notes_and_answers() -> None:
    with doubling() as found:
        assert found.notes["classes"] == ["no", "ja"]
        assert [value.name for value in found.proto.graph.output] == ["y"]
        x = np.arange(6, dtype=np.float32).reshape(2, 3)
        assert np.array_equal(found.answer({"x": x})["y"], 2 * x + 1)
        assert np.array_equal(found.inside({"x": x}, ["doubled", "unknown"])["doubled"], 2 * x)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux cuts processes off")
def test_the_child_sees_no_network() -> None:
    with doubling() as found:
        assert found.notes["network"] is False


def test_parity_is_noted_with_the_model() -> None:
    with doubling() as found:
        model = check_parity(imported(found), found)
    parity = model.origin.parity
    assert parity is not None
    assert parity.examples > 50
    assert parity.largest <= parity.tolerance
    assert parity.differing == 0


def test_an_import_that_differs_is_refused_with_its_first_operator() -> None:
    with doubling(fault="answers otherwise") as found, pytest.raises(ModelError) as caught:
        check_parity(imported(found), found)
    assert "Mul twice -> 'doubled'" in caught.value.got
    assert "output 'y'" in caught.value.got


@pytest.mark.parametrize(
    ("fault", "expected", "got"),
    [
        ("refuses", "a model without custom layers", "Lambda"),
        ("raises", "a model that can be converted", "KeyError: 'no such layer'"),
        ("dies", "a converter that ends well", "exit status 3"),
        ("hangs", "a conversion within 2 s", "none by then"),
    ],
)
def test_a_failed_conversion_is_told(fault: str, expected: str, got: str) -> None:
    begun = time.monotonic()
    timeout_s = 2.0 if fault == "hangs" else 60.0
    with pytest.raises(ModelError) as caught, doubling(timeout_s, fault=fault):
        raise AssertionError
    assert caught.value.where == "double.x"
    assert caught.value.expected == expected
    assert caught.value.got.startswith(got)
    assert time.monotonic() - begun < 55


@pytest.mark.parametrize("fault", ["writes nothing", "writes garbage"])
def test_a_converter_without_a_graph_is_told(fault: str) -> None:
    with doubling(fault=fault) as found, pytest.raises(ModelError) as caught:
        imported(found)
    assert caught.value.expected == "a graph from the converter"


def test_an_original_that_cannot_answer_is_told() -> None:
    with doubling(fault="cannot answer") as found, pytest.raises(ModelError) as caught:
        check_parity(imported(found), found)
    assert "no kernel" in caught.value.got


def test_nothing_is_left_behind() -> None:
    with doubling() as found:
        folder = found._folder
        assert folder.is_dir()
    assert not folder.exists()
    assert found._child.poll() is not None


def test_tensors_of_every_kind_survive_the_exchange(tmp_path: Path) -> None:
    seed = secrets.randbits(32)
    print(f"seed {seed}")
    random = np.random.default_rng(seed)
    texts = np.empty((2, 2), object)
    texts[:] = [["", "é☕"], ["a\nb", '"']]
    given: dict[str, Array] = {
        "a/b:0": random.normal(size=(3, 2)).astype(np.float16),
        "scalar": np.asarray(random.integers(100)),
        "truth": random.random(5) < 0.5,
        "none": np.empty((0, 4), np.int8),
        "texts": texts,
    }
    write_tensors(tmp_path / "t", given)
    found = read_tensors(tmp_path / "t")
    assert list(found) == list(given)
    for name, array in given.items():
        assert found[name].shape == array.shape
        assert np.array_equal(found[name], array)
