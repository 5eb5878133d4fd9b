"""What the search makes of boosted trees that put out a number.

Trees of scikit-learn learn the logarithm of the bytes that a connection sends from the other
numbers known about it; the search gets rows that they have not learned from, without labels. It
needs the extra `sklearn` and takes two minutes.

Usage: python benchmarks/regression.py NSL_KDD_FOLDER [--metric within:0.3] [--time 120]
"""

import argparse
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

import tradewind
from tradewind.tensors import Array

SEED = 0
LEARNED, ASKED = 6_000, 15_000
TREES, DEPTH = 500, 5


def main() -> None:
    given = argparse.ArgumentParser(description=__doc__)
    given.add_argument("data", type=Path)
    given.add_argument("--metric", default="within:0.3")
    given.add_argument("--max-drop", type=float, default=0.01)
    given.add_argument("--time", type=float, default=120.0)
    chosen = given.parse_args()
    rows, sent = connections(chosen.data)
    order = np.random.default_rng(SEED).permutation(len(rows))
    learned, asked = order[:LEARNED], order[LEARNED : LEARNED + ASKED]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "trees.onnx").write_bytes(trained(rows[learned], sent[learned]))
        np.savez(folder / "rows.npz", X=rows[asked])
        model = tradewind.load_model(folder / "trees.onnx")
        outcome = tradewind.optimize(
            model,
            tradewind.open_dataset(folder / "rows.npz", model.signature),
            tradewind.Budget(chosen.metric, chosen.max_drop, objective="throughput"),
            tradewind.SearchSettings(chosen.time),
        )
    print("| variant | times as many answers | lost (at most) | answered by each stage |")
    print("|---|---|---|---|")
    for trial in outcome.trials:
        if trial.throughput_gain is not None and trial.certificate is not None:
            gain, lost = trial.throughput_gain, trial.certificate
            stages = ", ".join(f"{share:.1%}" for share in trial.answered)
            print(
                f"| {trial.name} | {gain.ratio:.2f} ({gain.low:.2f} to {gain.high:.2f}) "
                f"| {lost.drop:.2%} ({lost.drop_upper:.2%}) | {stages} |"
            )
    for trial in outcome.trials:
        if trial.select is not None and not trial.plan.is_cascade:
            print(f"{trial.name} alone: {trial.select.drop:.2%} on the select split")
    print(f"{outcome.chosen.name}: {outcome.reason}")


def connections(folder: Path) -> tuple[Array, Array]:
    """Return the other numbers of each connection, and log(1 + bytes sent)."""
    import pyarrow.parquet

    tables = [pyarrow.parquet.read_table(folder / f"{part}.parquet") for part in ("train", "test")]
    left_out = {"protocol_type", "service", "flag", "attack", "difficulty", "label", "src_bytes"}
    names = [name for name in tables[0].column_names if name not in left_out]
    columns = [
        np.concatenate([table[name].to_numpy() for table in tables]).astype(np.float32)
        for name in names
    ]
    sent = np.concatenate([table["src_bytes"].to_numpy() for table in tables])
    return np.stack(columns, axis=1), np.log1p(sent.astype(np.float64))


def trained(rows: Array, wanted: Array) -> Any:
    """Return the trees as an ONNX file."""
    from skl2onnx import to_onnx
    from sklearn.ensemble import GradientBoostingRegressor

    trees = GradientBoostingRegressor(
        n_estimators=TREES, max_depth=DEPTH, learning_rate=0.05, subsample=0.7, random_state=SEED
    ).fit(rows, wanted)
    return to_onnx(trees, rows[:1], target_opset=17).SerializeToString()


if __name__ == "__main__":
    main()
