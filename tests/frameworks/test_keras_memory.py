"""Models of Keras in memory, on every backend, in a process that holds Keras beside Tradewind."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.frameworks.remembering import packages, remembered
from tests.frameworks.running import MAKING
from tests.frameworks.table import record

from tradewind.importers import environment

BACKENDS = {"torch": ("keras",), "tensorflow": ("tensorflow",), "jax": ("keras", "jax")}
"""The environments whose packages each backend is made of."""


@pytest.fixture(scope="module", params=BACKENDS)
def memory(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder, called like the backend, of models that were imported from memory."""
    places = [environment(name) for name in BACKENDS[request.param]]
    for wanted in places:
        if not wanted.is_installed:
            name = wanted.name
            pytest.skip(f"the {name} environment is missing: tradewind doctor --install {name}")
    folder: Path = tmp_path_factory.mktemp("memory") / request.param
    folder.mkdir()
    command: list[str | Path] = [sys.executable, MAKING / "keras_memory.py", folder]
    done = subprocess.run(
        [*command, *map(packages, places)],
        env={**os.environ, "KERAS_BACKEND": request.param, "JAX_PLATFORMS": "cpu"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert not done.returncode, done.stderr[-3000:]
    return folder


def test_a_model_with_named_inputs_is_compared_on_its_own_backend(memory: Path) -> None:
    model, _ = remembered(memory, "named")
    assert [str(spec) for spec in model.signature.inputs] == [
        "left: FP32[N, 6]",
        "right: FP32[N, 4]",
    ]
    assert [spec.name for spec in model.signature.outputs] == ["amount", "kind"]
    record("Keras", f"in memory, {memory.name}", "dense, named inputs", model)


def test_a_model_that_was_just_trained_is_imported(memory: Path) -> None:
    model, _ = remembered(memory, "trained")
    assert model.signature.has_free_batch
    assert model.origin.framework == "keras"
    record("Keras", f"in memory, {memory.name}", "convolution, trained", model)


def test_a_model_that_was_only_called_keeps_the_size_that_it_was_called_with(memory: Path) -> None:
    model, _ = remembered(memory, "called")
    assert model.signature.inputs[0].shape == (1, 5, 3)
    record("Keras", f"in memory, {memory.name}", "lstm", model)


def test_a_class_of_ones_own_is_refused_with_a_way_out(memory: Path) -> None:
    assert "model.export('folder')" in (memory / "own.txt").read_text()
