from pathlib import Path

import ml_dtypes
import numpy as np
import pytest

from tradewind.errors import DataError, SettingError
from tradewind.tensors import (
    Array,
    Datatype,
    Signature,
    TensorSpec,
    describe,
    load_tensors,
    save_tensors,
)

IMAGE = TensorSpec("image", Datatype.FP32, ("N", 3, 4, 6))
AGE = TensorSpec("age", Datatype.INT64, (None,))
SCALE = TensorSpec("scale", Datatype.FP32, ())


@pytest.mark.parametrize("datatype", list(Datatype))
def test_every_datatype_is_found_again_from_its_dtype(datatype: Datatype) -> None:
    assert Datatype.of(datatype.numpy) is datatype


@pytest.mark.parametrize("dtype", ["S3", "U7", object])
def test_every_kind_of_string_is_bytes(dtype: str) -> None:
    assert Datatype.of(dtype) is Datatype.BYTES


@pytest.mark.parametrize("dtype", ["c8", "M8[s]", "m8[s]", [("a", "i4")], ml_dtypes.float8_e5m2])
def test_a_dtype_that_the_protocol_lacks_is_refused(dtype: str) -> None:
    with pytest.raises(DataError, match=r"^dtype: expected"):
        Datatype.of(dtype)


def test_a_spec_prints_as_its_short_form() -> None:
    assert str(IMAGE) == "image: FP32[N, 3, 4, 6]"
    assert describe(Datatype.BYTES, (None, 2)) == "BYTES[?, 2]"
    assert IMAGE.open_shape == (-1, 3, 4, 6)


@pytest.mark.parametrize(
    ("shape", "fits"),
    [
        ((1, 3, 4, 6), True),
        ((0, 3, 4, 6), True),
        ((9, 3, 4, 5), False),
        ((3, 4, 6), False),
        ((1, 1, 3, 4, 6), False),
        ((), False),
    ],
)
def test_a_shape_fits_where_every_known_size_is_equal(shape: tuple[int, ...], fits: bool) -> None:
    assert IMAGE.fits(shape) is fits


def test_a_batch_is_free_where_the_first_size_is_no_number() -> None:
    assert IMAGE.has_free_batch
    assert AGE.has_free_batch
    assert not SCALE.has_free_batch
    assert not TensorSpec("x", Datatype.FP32, (1, 3)).has_free_batch


@pytest.mark.parametrize(
    ("array", "hint"),
    [
        (np.zeros((3, 4, 6), np.float32), "counts examples"),
        (np.zeros((2, 4, 6, 3), np.float32), "transpose"),
        (np.zeros((2, 3, 4, 6), np.float64), "convert the values to float32"),
        (np.zeros((2, 5), np.float32), "tradewind inspect"),
    ],
)
def test_a_misfit_comes_with_a_hint_that_mends_it(array: Array, hint: str) -> None:
    with pytest.raises(DataError) as caught:
        IMAGE.check(array)
    assert str(caught.value).startswith("image: expected FP32[N, 3, 4, 6], got ")
    assert hint in caught.value.hint


def test_a_misfit_may_be_called_by_another_name() -> None:
    with pytest.raises(DataError, match=r"^test\.npz: image: expected"):
        IMAGE.check(np.zeros(3), "test.npz: image")


def test_the_number_of_examples_is_that_of_all_inputs() -> None:
    signature = Signature((IMAGE, AGE, SCALE), ())
    inputs: dict[str, Array] = {
        "image": np.zeros((5, 3, 4, 6), np.float32),
        "age": np.zeros(5, np.int64),
        "scale": np.array(1, np.float32),
    }
    assert signature.check(inputs) == 5
    with pytest.raises(DataError, match="one number of examples"):
        signature.check({**inputs, "age": np.zeros(4, np.int64)})
    assert Signature((SCALE,), ()).check({"scale": inputs["scale"]}) == 1


@pytest.mark.parametrize("given", [{}, {"image": 1, "age": 1}, {"image": 1, "extra": 1}])
def test_missing_and_unknown_inputs_are_refused(given: dict[str, int]) -> None:
    signature = Signature((IMAGE,), ())
    arrays: dict[str, Array] = {name: np.zeros((1, 3, 4, 6), np.float32) for name in given}
    with pytest.raises(DataError, match=r"^inputs: expected image, got"):
        signature.check(arrays)


def test_an_input_is_found_by_its_name() -> None:
    signature = Signature((IMAGE, AGE), ())
    assert signature.input("age") is AGE
    with pytest.raises(DataError, match="one of the inputs image, age"):
        signature.input("face")


@pytest.mark.parametrize(
    ("inputs", "is_free", "fixed"),
    [
        ((IMAGE, AGE), True, None),
        ((TensorSpec("x", Datatype.FP32, (4, 2)),), False, 4),
        ((SCALE,), False, None),
        ((), False, None),
    ],
)
def test_a_signature_knows_whether_its_batch_is_free(
    inputs: tuple[TensorSpec, ...], is_free: bool, fixed: int | None
) -> None:
    signature = Signature(inputs, ())
    assert signature.has_free_batch is is_free
    assert signature.fixed_batch == fixed


def test_tensors_of_every_type_survive_a_file_under_any_name(
    tmp_path: Path, random: np.random.Generator
) -> None:
    tensors: dict[str, Array] = {
        datatype.value: random.integers(0, 2, (3, 2)).astype(datatype.numpy)
        for datatype in Datatype
        if datatype is not Datatype.BYTES
    }
    tensors |= {
        "file": np.zeros((0, 3), np.float32),
        "allow_pickle": np.array(2.5, np.float64),
        "serving/x:0": np.asfortranarray(random.random((4, 3))),
        "ends.npy": random.random((6, 4))[::2, ::2],
        "words": np.array([["a", b"\x00\xff\x00"], ["", "日本"]], object),
    }
    save_tensors(tmp_path / "tensors.npz", tensors)
    again = load_tensors(tmp_path / "tensors.npz")
    assert list(again) == list(tensors)
    for name, array in tensors.items():
        assert again[name].dtype == array.dtype, name
        assert again[name].shape == array.shape, name
        assert again[name].tolist() == array.tolist(), name


@pytest.mark.parametrize(
    ("text", "spec"),
    [
        ("image=FP32[N,3,4,6]", IMAGE),
        ("image: FP32[N, 3, 4, 6]", IMAGE),
        ("scale=FP32[]", SCALE),
        ("a.b/c=INT64[ 2 ]", TensorSpec("a.b/c", Datatype.INT64, (2,))),
    ],
)
def test_a_spec_is_read_as_it_is_written(text: str, spec: TensorSpec) -> None:
    assert TensorSpec.parse(text) == spec
    assert TensorSpec.parse(str(spec)) == spec


@pytest.mark.parametrize("text", ["image", "image=FP31[2]", "=FP32[2]", "x=FP32[2", "x=FP32[-1]"])
def test_a_spec_that_is_written_otherwise_is_refused(text: str) -> None:
    with pytest.raises(SettingError, match=r"x=FP32\[N,3,32,32\]"):
        TensorSpec.parse(text)
