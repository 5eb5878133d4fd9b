"""Models of Keras in memory: run where Keras and one of its backends are installed beside us."""

from typing import Any

import numpy as np
import pytest
from tests.frameworks.table import record

from tradewind.errors import ModelError
from tradewind.importers import load_model

keras: Any = pytest.importorskip("keras", reason="Keras is not installed beside Tradewind")


def test_a_model_with_named_inputs_is_compared_on_its_own_backend(needs: Any) -> None:
    needs("tensorflow")
    left, right = keras.Input((6,), name="left"), keras.Input((4,), name="right")
    hidden = keras.layers.Dense(5, activation="gelu")(right)
    hidden = keras.layers.Concatenate()([left, hidden])
    kind = keras.layers.Dense(3, activation="softmax")(hidden)
    outputs = {"kind": kind, "amount": keras.layers.Dense(1)(hidden)}
    model = load_model(keras.Model({"left": left, "right": right}, outputs))
    assert [str(spec) for spec in model.signature.inputs] == [
        "left: FP32[N, 6]",
        "right: FP32[N, 4]",
    ]
    assert [spec.name for spec in model.signature.outputs] == ["amount", "kind"]
    assert model.origin.parity is not None
    form = f"in memory, {keras.backend.backend()}"
    record("Keras", form, "dense", model)


def test_a_model_that_was_only_called_keeps_the_size_that_it_was_called_with(needs: Any) -> None:
    needs("tensorflow")
    model = keras.Sequential([keras.layers.LSTM(4), keras.layers.Dense(2)])
    model(np.zeros((1, 5, 3), np.float32))
    assert load_model(model).signature.inputs[0].shape == (1, 5, 3)


def test_a_class_of_ones_own_is_refused_with_a_way_out(needs: Any) -> None:
    needs("tensorflow")

    class Own(keras.Model):  # type: ignore[misc]
        def call(self, x: Any) -> Any:
            return x * 2

    model = Own()
    model(np.zeros((1, 3), np.float32))
    with pytest.raises(ModelError, match=r"model\.export\('folder'\)"):
        load_model(model)
