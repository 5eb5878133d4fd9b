"""Engines of trees, measured against ONNX Runtime on ensembles that learn network intrusions.

It needs xgboost, lightgbm and the extra `trees`, and takes some minutes. Where tl2cgen (with a C
compiler) or lleaves are installed they are timed too, on the file of the original.

Usage: python benchmarks/trees.py NSL_KDD_FOLDER [--trees 100 500 1000] [--rows 1 64 4096]
"""

import argparse
import itertools
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from tradewind.engines import OneDAL, OnnxRuntime
from tradewind.importers import load_model
from tradewind.measure.interval import Ratio
from tradewind.measure.timing import Task, Timing, interleave, speedup
from tradewind.runners import Runner
from tradewind.tensors import Array

SEED = 0
TURN_S = 0.05
KEPT = 16384
"""Rows that are asked in turn, so that no branch can be learned from the row before."""

Answer = Callable[[Array], object]


def main() -> None:
    given = argparse.ArgumentParser(description=__doc__)
    given.add_argument("data", type=Path)
    given.add_argument("--trees", type=int, nargs="+", default=[100, 500, 1000])
    given.add_argument("--rows", type=int, nargs="+", default=[1, 64, 4096])
    given.add_argument("--time", type=float, default=8.0, help="seconds for each comparison")
    chosen = given.parse_args()
    table, labels = connections(chosen.data / "train.parquet")
    random = np.random.default_rng(SEED)
    asked = table[random.integers(len(table), size=KEPT)]
    print("| model | trees | rows | engine | microseconds | against ONNX Runtime | at one thread |")
    print("|---|---|---|---|---|---|---|")
    for trees, (library, train) in itertools.product(chosen.trees, TRAINING.items()):
        model = train(table, labels, trees)
        with tempfile.TemporaryDirectory() as folder:
            answers = dict(engines(library, model, Path(folder)))
            for rows in chosen.rows:
                compare(f"{library} | {trees} | {rows}", answers, asked, rows, chosen.time)


def connections(path: Path) -> tuple[Array, Array]:
    """Return the numbers of each connection with whether it is an attack."""
    import pyarrow.parquet

    table = pyarrow.parquet.read_table(path)
    left_out = {"protocol_type", "service", "flag", "attack", "difficulty", "label"}
    names = [name for name in table.column_names if name not in left_out]
    columns = [table[name].to_numpy().astype(np.float32) for name in names]
    return np.stack(columns, axis=1), table["label"].to_numpy()


def train_xgboost(rows: Array, labels: Array, trees: int) -> Any:
    """Return trees of depth 6."""
    import xgboost

    settings = {"objective": "binary:logistic", "max_depth": 6, "eta": 0.1, "subsample": 0.7}
    settings |= {"colsample_bytree": 0.5, "seed": SEED}
    return xgboost.train(settings, xgboost.DMatrix(rows, labels), trees)


def train_lightgbm(rows: Array, labels: Array, trees: int) -> Any:
    """Return trees of 31 leaves."""
    import lightgbm

    settings = {"objective": "binary", "verbose": -1, "bagging_fraction": 0.7, "bagging_freq": 1}
    settings |= {"feature_fraction": 0.5, "seed": SEED}
    return lightgbm.train(settings, lightgbm.Dataset(rows, labels), trees)


TRAINING = {"XGBoost": train_xgboost, "LightGBM": train_lightgbm}


def engines(library: str, original: Any, folder: Path) -> Iterator[tuple[str, Answer]]:
    """Yield every engine by name, the baseline first."""
    model = load_model(original)
    yield "ONNX Runtime", asking(OnnxRuntime().compile(model))
    yield "ONNX Runtime, one thread", asking(OnnxRuntime(threads=1).compile(model))
    if OneDAL.is_installed():
        yield "oneDAL", asking(OneDAL().compile(model))
    yield from compiled(library, original, folder)


def asking(runner: Runner) -> Answer:
    """Return a function that answers a matrix."""
    return lambda rows: runner({"input": rows})


def compiled(library: str, original: Any, folder: Path) -> Iterator[tuple[str, Answer]]:
    """Yield what turns the file of the original into machine code, where it is installed."""
    if library == "LightGBM":
        try:
            import lleaves
        except ImportError:
            return
        path = folder / "model.txt"
        original.save_model(path)
        begin = time.perf_counter()
        leaves = lleaves.Model(model_file=str(path))
        leaves.compile()
        name = f"lleaves, compiled in {time.perf_counter() - begin:.0f} s"
        yield name, lambda rows: leaves.predict(rows, n_jobs=1)
        return
    try:
        import tl2cgen
        import treelite
    except ImportError:
        return
    begin = time.perf_counter()
    library_path = folder / "model.so"
    source = treelite.frontend.from_xgboost(original)
    tl2cgen.export_lib(source, "gcc", str(library_path), params={"parallel_comp": 8})
    predictor = tl2cgen.Predictor(str(library_path), nthread=1)
    name = f"tl2cgen, compiled in {time.perf_counter() - begin:.0f} s"
    yield name, lambda rows: predictor.predict(tl2cgen.DMatrix(rows))


def compare(about: str, answers: dict[str, Answer], asked: Array, rows: int, time_s: float) -> None:
    """Time all engines in turns and print a line for each."""
    tasks = [Task(rotating(answer, asked, rows)) for answer in answers.values()]
    until = time.monotonic() + time_s
    timings = interleave(tasks, seed=SEED, turn_s=TURN_S, max_rounds=60, until=until)
    for name, timing in zip(answers, timings, strict=True):
        ratios = " | ".join(told(speedup(base, timing)) for base in timings[:2])
        print(f"| {about} | {name} | {median_us(timing):.0f} | {ratios} |", flush=True)


def rotating(answer: Answer, asked: Array, rows: int) -> Callable[[], object]:
    """Return a call that answers other rows each time."""
    pieces = [asked[start : start + rows] for start in range(0, len(asked) - rows + 1, rows)]
    turns = itertools.cycle(pieces)
    return lambda: answer(next(turns))


def median_us(timing: Timing) -> float:
    return timing.latency_ms(50) * 1e3


def told(ratio: Ratio) -> str:
    return f"{ratio.ratio:.2f} ({ratio.low:.2f} to {ratio.high:.2f})"


if __name__ == "__main__":
    main()
