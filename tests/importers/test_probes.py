import numpy as np
import pytest

from tradewind.importers.probes import BATCHES, FREE, Range, probes
from tradewind.tensors import Datatype, Signature, TensorSpec


def signature(*specs: TensorSpec) -> Signature:
    return Signature(specs, (TensorSpec("y", Datatype.FP32, ("N",)),))


EVERY = signature(
    *(TensorSpec(kind.value, kind, ("N", 4)) for kind in Datatype if kind is not Datatype.BF16)
)


def test_probes_fit_the_signature_and_hold_one_example_and_several() -> None:
    asked = probes(EVERY)
    assert {EVERY.check(inputs) for inputs in asked} == set(BATCHES)


def test_a_fixed_batch_is_kept_and_other_free_sizes_are_filled() -> None:
    found = probes(signature(TensorSpec("x", Datatype.FP32, (1, "T", 3))))
    assert {inputs["x"].shape for inputs in found} == {(1, FREE, 3)}
    found = probes(signature(TensorSpec("x", Datatype.FP32, ("N", "T"))), sizes={"T": 5})
    assert {inputs["x"].shape for inputs in found} == {(batch, 5) for batch in BATCHES}


def test_values_keep_to_their_range() -> None:
    spec = signature(
        TensorSpec("ids", Datatype.INT64, ("N", 9)), TensorSpec("p", Datatype.FP32, ())
    )
    ranges = {"ids": Range(0, 30), "p": Range(-1, 2)}
    for inputs in probes(spec, ranges=ranges):
        assert inputs["ids"].min() >= 0
        assert inputs["ids"].max() <= 30
        assert -1 <= inputs["p"] <= 2


def test_there_are_zeros_large_values_and_nan_where_values_may_be_missing() -> None:
    spec = signature(TensorSpec("x", Datatype.FP32, ("N", 6)))
    plain = probes(spec)
    assert any(not inputs["x"].any() for inputs in plain)
    assert max(np.abs(inputs["x"]).max() for inputs in plain) > 100
    assert not any(np.isnan(inputs["x"]).any() for inputs in plain)
    missing = probes(spec, missing=True)
    assert any(np.isnan(inputs["x"]).all() for inputs in missing)
    assert any(np.isnan(inputs["x"]).any() > np.isnan(inputs["x"]).all() for inputs in missing)


def test_texts_are_empty_and_foreign_too() -> None:
    spec = signature(TensorSpec("t", Datatype.BYTES, ("N", 1)))
    texts = {text for inputs in probes(spec) for text in inputs["t"].ravel()}
    assert b"" in texts
    assert any(not text.isascii() for text in texts)


@pytest.mark.parametrize("seed", [0, 7])
def test_the_seed_fixes_the_values(seed: int) -> None:
    spec = signature(TensorSpec("x", Datatype.FP32, ("N", 6)))
    pairs = zip(probes(spec, seed), probes(spec, seed), strict=True)
    assert all(np.array_equal(a["x"], b["x"]) for a, b in pairs)
