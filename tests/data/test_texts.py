from pathlib import Path

import numpy as np
import pytest
from tests.cases.sentences import sentences, tokenization

from tradewind.data import PAIR, TEXT, open_dataset
from tradewind.errors import DataError, SettingError
from tradewind.tensors import Datatype, Signature, TensorSpec

pytest.importorskip("tokenizers", reason="no tokenizers: they come with the extra `text`")


def signature(tokens: int | str = "tokens", datatype: Datatype = Datatype.INT64) -> Signature:
    names = ("input_ids", "attention_mask", "token_type_ids")
    specs = tuple(TensorSpec(name, datatype, ("N", tokens)) for name in names)
    return Signature(specs[:2], (TensorSpec("logits", Datatype.FP32, ("N", 2)),))


def test_a_batch_is_padded_to_its_longest_sentence() -> None:
    found = tokenization().apply(sentences("Good film", b"bad", ""), signature())
    assert found["input_ids"].tolist() == [[2, 4, 6, 3], [2, 5, 3, 0], [2, 3, 0, 0]]
    assert found["attention_mask"].tolist() == [[1, 1, 1, 1], [1, 1, 1, 0], [1, 1, 0, 0]]
    assert found["input_ids"].dtype == np.int64


def test_padding_goes_in_front_where_training_had_it() -> None:
    found = tokenization(pad_left=True, pad_id=9).apply(sentences("good", ""), signature())
    assert found["input_ids"].tolist() == [[2, 4, 3], [9, 2, 3]]
    assert found["attention_mask"].tolist() == [[1, 1, 1], [0, 1, 1]]


def test_a_long_sentence_is_cut_and_keeps_its_end_mark() -> None:
    found = tokenization().apply(sentences("good " * 50), signature())
    assert found["input_ids"].tolist() == [[2, 4, 4, 4, 4, 3]]


def test_a_model_of_one_length_gets_that_length() -> None:
    found = tokenization().apply(sentences("good"), signature(5, Datatype.INT32))
    assert found["input_ids"].tolist() == [[2, 4, 3, 0, 0]]
    assert found["input_ids"].dtype == np.int32


def test_unknown_words_and_signs_are_taken() -> None:
    found = tokenization().apply(sentences("naïve ☕ 東京"), signature())
    assert found["input_ids"].tolist() == [[2, 1, 1, 1, 3]]


def test_other_bytes_than_utf_8_are_named_by_example() -> None:
    with pytest.raises(DataError, match="text: example 1"):
        tokenization().apply(sentences("good", b"\xff"), signature())


def test_one_text_stands_in_for_all_that_the_tokenizer_makes() -> None:
    raw = tokenization().raw_signature(signature())
    assert raw.inputs == (TensorSpec(TEXT, Datatype.BYTES, ("N",)),)
    assert raw.outputs == signature().outputs


def test_a_model_without_the_inputs_is_refused() -> None:
    with pytest.raises(DataError, match="token_type_ids"):
        tokenization(inputs=("token_type_ids",)).raw_signature(signature())


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"inputs": ("ids",)}, "tokenization.inputs"),
        ({"inputs": ()}, "tokenization.inputs"),
        ({"max_length": 0}, "tokenization.max_length"),
    ],
)
def test_settings_outside_their_range_are_refused(changes: dict[str, object], where: str) -> None:
    with pytest.raises(SettingError) as caught:
        tokenization(**changes)
    assert caught.value.where == where


def test_a_damaged_tokenizer_is_named() -> None:
    with pytest.raises(DataError, match=r"tokenizer\.json"):
        tokenization(tokenizer="{}").apply(sentences("good"), signature())


@pytest.mark.parametrize("column", ["text", "sentence"])
@pytest.mark.parametrize("kind", ["csv", "npz"])
def test_sentences_are_read_by_name_or_as_the_only_column(
    tmp_path: Path, column: str, kind: str
) -> None:
    path = tmp_path / f"data.{kind}"
    texts = ["good film", "bad", "film, film"]
    if kind == "csv":
        rows = "".join(f'"{text}",{i}\n' for i, text in enumerate(texts))
        path.write_text(f"{column},label\n{rows}", encoding="utf-8")
    else:
        np.savez(path, **{column: np.array(texts), "label": np.arange(3)})  # type: ignore[arg-type]
    dataset = open_dataset(path, signature(), preprocessing=tokenization())
    taken = dataset.take(np.array([1, 0]))
    assert set(taken) == {"input_ids", "attention_mask"}
    assert taken["input_ids"].tolist() == [[2, 5, 3, 0], [2, 4, 6, 3]]
    assert dataset.labels is not None
    assert dataset.labels.tolist() == [0, 1, 2]
    assert dataset.preprocessing == tokenization()
    assert len(set(dataset.fingerprints.tolist())) == 3


def test_a_table_of_several_columns_needs_one_called_text(tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    path.write_text("title,body,label\na,b,0\n")
    with pytest.raises(DataError, match="text"):
        open_dataset(path, signature(), preprocessing=tokenization())


@pytest.mark.parametrize("kind", ["csv", "npz", "parquet"])
def test_two_columns_of_sentences_are_pairs(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"data.{kind}"
    columns = {TEXT: ["good film", "bad"], PAIR: ["bad", "film film film film"], "label": [1, 0]}
    if kind == "csv":
        rows = "".join(
            ",".join(map(str, row)) + "\n" for row in zip(*columns.values(), strict=True)
        )
        path.write_text(",".join(columns) + "\n" + rows)
    elif kind == "npz":
        np.savez(path, **{name: np.array(values) for name, values in columns.items()})  # type: ignore[arg-type]
    else:
        pyarrow = pytest.importorskip("pyarrow", reason="pyarrow is not installed")
        pyarrow.parquet.write_table(pyarrow.table(columns), str(path))
    parts = ("input_ids", "attention_mask", "token_type_ids")
    steps = tokenization(inputs=parts, max_length=8, pad_type_id=0)
    specs = tuple(TensorSpec(name, Datatype.INT64, ("N", "tokens")) for name in parts)
    dataset = open_dataset(path, Signature(specs, signature().outputs), preprocessing=steps)
    taken = dataset.take(np.arange(2))
    assert taken["input_ids"].tolist() == [[2, 4, 6, 3, 5, 3, 0, 0], [2, 5, 3, 6, 6, 6, 6, 3]]
    assert taken["token_type_ids"].tolist() == [[0, 0, 0, 0, 1, 1, 0, 0], [0, 0, 0, 1, 1, 1, 1, 1]]
    assert dataset.preprocessing == tokenization(inputs=parts, max_length=8, pairs=True)


def test_a_long_pair_is_cut_where_it_is_longer() -> None:
    found = tokenization(pairs=True).apply(
        sentences("good good good good"), signature(), sentences("bad")
    )
    assert found["input_ids"].tolist() == [[2, 4, 4, 3, 5, 3]]
