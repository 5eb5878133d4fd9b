"""Models of PaddlePaddle, trained for a moment, as inference models with their answers.

    python paddle_models.py TARGET

Where FLAGS_enable_pir_api is 0, they are `.pdmodel` files, else `.json`.
"""

import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import paddle
from paddle import inference, nn


class Perceptron(nn.Layer):
    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(12, 32), nn.ReLU(), nn.BatchNorm1D(32), nn.Linear(32, 3), nn.Softmax()
        )

    def forward(self, x: Any) -> Any:
        return self.layers(x)


class Convolutions(nn.Layer):
    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2D(3, 8, 3, padding=1)
        self.normal = nn.BatchNorm2D(8)
        self.second = nn.Conv2D(8, 16, 3, stride=2, padding=1, groups=2)
        self.pool = nn.AdaptiveAvgPool2D(1)
        self.last = nn.Linear(16, 5)

    def forward(self, x: Any) -> Any:
        x = nn.functional.max_pool2d(nn.functional.relu(self.normal(self.first(x))), 2)
        x = self.pool(nn.functional.hardswish(self.second(x)))
        return self.last(paddle.flatten(x, 1))


class Recurrent(nn.Layer):
    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Embedding(50, 16)
        self.cells = nn.LSTM(16, 20, direction="bidirect")
        self.last = nn.Linear(40, 2)

    def forward(self, ids: Any) -> Any:
        seen, _ = self.cells(self.table(ids))
        return self.last(seen.mean(axis=1))


class Transformer(nn.Layer):
    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Embedding(50, 16)
        layer = nn.TransformerEncoderLayer(16, 2, 32, activation="gelu")
        self.layers = nn.TransformerEncoder(layer, 2)
        self.last = nn.Linear(16, 2)

    def forward(self, ids: Any) -> Any:
        return self.last(self.layers(self.table(ids))[:, 0])


def _example(shape: tuple[int, ...]) -> Any:
    random = np.random.default_rng(0)
    if len(shape) == 2 and shape[1] == 9:
        return random.integers(0, 50, shape)
    return random.normal(size=shape).astype(np.float32)


def _trained(layer: Any, shape: tuple[int, ...]) -> Any:
    x = paddle.to_tensor(_example((32, *shape)))
    steps = paddle.optimizer.Adam(1e-2, parameters=layer.parameters())
    for _ in range(10):
        loss = ((layer(x) - 1) ** 2).mean()
        loss.backward()
        steps.step()
        steps.clear_grad()
    layer.eval()
    return layer


def _save(folder: Path, name: str, layer: Any, shape: tuple[int, ...], ending: str) -> None:
    parameter = "ids" if shape == (9,) else "x"
    kind = "int64" if parameter == "ids" else "float32"
    spec = paddle.static.InputSpec([None, *shape], kind, parameter)
    paddle.jit.save(layer, str(folder / name), input_spec=[spec])
    config = inference.Config(str(folder / f"{name}{ending}"), str(folder / f"{name}.pdiparams"))
    config.disable_gpu()
    config.disable_glog_info()
    predictor = inference.create_predictor(config)
    x = _example((5, *shape))
    predictor.get_input_handle(predictor.get_input_names()[0]).copy_from_cpu(x)
    predictor.run()
    answer = predictor.get_output_handle(predictor.get_output_names()[0]).copy_to_cpu()
    np.savez(folder / f"{name}.npz", x=x, answer=answer)


def _main(folder: Path) -> None:
    paddle.seed(0)
    is_old = os.environ.get("FLAGS_enable_pir_api") == "0"  # noqa: SIM112, it is called that
    made: dict[str, tuple[Any, tuple[int, ...]]] = {
        "perceptron": (Perceptron(), (12,)),
        "convolutions": (Convolutions(), (3, 16, 16)),
    }
    if not is_old:  # this version of PaddlePaddle writes no more than those in the old format
        made |= {"recurrent": (Recurrent(), (9,)), "transformer": (Transformer(), (9,))}
    for name, (layer, shape) in made.items():
        ending = ".pdmodel" if is_old else ".json"
        _save(folder, name, _trained(layer, shape), shape, ending)


if __name__ == "__main__":
    _main(Path(sys.argv[1]))
