"""Answers as a table: one column for every number of an output."""

from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from tradewind.tensors import Array


def write_table(path: Path, answers: dict[str, Array]) -> None:
    """Write `.parquet` or `.csv`; an output [n, 3] called `p` becomes p_0, p_1 and p_2."""
    columns: dict[str, Array] = {}
    for name, array in answers.items():
        flat = array.reshape(len(array), -1)
        if flat.shape[1] == 1:
            columns[name] = flat[:, 0]
        else:
            columns |= {f"{name}_{index}": flat[:, index] for index in range(flat.shape[1])}
    table = pa.table({name: pa.array(column) for name, column in columns.items()})
    if path.suffix == ".csv":
        pyarrow.csv.write_csv(table, path)
    else:
        pyarrow.parquet.write_table(table, path)
