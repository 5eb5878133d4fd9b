"""Models of Keras imported from memory, by a Python that holds both Keras and Tradewind.

KERAS_BACKEND=torch python keras_memory.py TARGET PACKAGES...
"""

import json
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

TARGET, PACKAGES = Path(sys.argv[1]), sys.argv[2:]
sys.path.extend(PACKAGES)  # after our own, of which they have other versions

import keras  # noqa: E402
import numpy as np  # noqa: E402

from tradewind.errors import ModelError  # noqa: E402
from tradewind.importers import load_model  # noqa: E402
from tradewind.importers.metadata import notes_of  # noqa: E402


def _named() -> Any:
    left, right = keras.Input((6,), name="left"), keras.Input((4,), name="right")
    hidden = keras.layers.Dense(5, activation="gelu")(right)
    hidden = keras.layers.Concatenate()([left, hidden])
    kind = keras.layers.Dense(3, activation="softmax")(hidden)
    outputs = {"kind": kind, "amount": keras.layers.Dense(1)(hidden)}
    return keras.Model({"left": left, "right": right}, outputs)


def _trained() -> Any:
    model = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            keras.layers.Conv2D(4, 3, activation="relu"),
            keras.layers.BatchNormalization(),
            keras.layers.GlobalAveragePooling2D(),
            keras.layers.Dense(2, activation="softmax"),
        ]
    )
    random = np.random.default_rng(0)
    images = random.normal(size=(64, 8, 8, 1)).astype(np.float32)
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(images, (images.mean((1, 2, 3)) > 0).astype(np.int64), epochs=2, verbose=0)
    return model


def _called() -> Any:
    model = keras.Sequential([keras.layers.LSTM(4), keras.layers.Dense(2)])
    model(np.zeros((1, 5, 3), np.float32))
    return model


class Own(keras.Model):
    """A class whose code no file holds."""

    def call(self, x: Any) -> Any:
        return x * 2


def _own() -> Any:
    model = Own()
    model(np.zeros((1, 3), np.float32))
    return model


MODELS: dict[str, Callable[[], Any]] = {
    "named": _named,
    "trained": _trained,
    "called": _called,
    "own": _own,
}


def _main() -> None:
    for name, build in MODELS.items():
        try:
            model = load_model(build())
        except ModelError as error:
            (TARGET / f"{name}.txt").write_text(str(error), encoding="utf-8")
            continue
        model.save(TARGET / f"{name}.onnx")
        told = {"origin": asdict(model.origin), "notes": notes_of(model)}
        (TARGET / f"{name}.json").write_text(json.dumps(told), encoding="utf-8")


if __name__ == "__main__":
    _main()
