import pytest
from benchmarks.optimizers.steadiness import LONG, Standing, share, told

from tradewind.measure import Ratio


def standing(name: str, label: str, gain: float, behind: float = 1.2) -> Standing:
    around = Ratio(behind, behind * 0.95, behind * 1.05)
    return Standing(name, label, Ratio(gain, gain * 0.9, gain * 1.1), around, 61.0)


@pytest.mark.parametrize(
    ("label", "family"),
    [
        ("int8 u8s8 mse on OpenVINO (2 streams, batch 1+64), batch 64", "int8 on OpenVINO"),
        ("int8 NNCF on ONNX Runtime, batch 1", "int8 on ONNX Runtime"),
        ("10% of trees on ONNX Runtime (1 thread), batch 128", "10% of trees on ONNX Runtime"),
        ("60% of blocks, int8 NNCF on OpenVINO, batch 8", "60% of blocks int8 on OpenVINO"),
        (
            "int8 mse on OpenVINO (2 streams, batch 1+64) (margin of 0.663 or more), "
            "then original on ONNX Runtime (no spinning), batch 64, 2 callers",
            "int8 on OpenVINO before original on ONNX Runtime",
        ),
    ],
)  # fmt: skip
def test_what_was_chosen_has_a_family(label: str, family: str) -> None:
    assert standing("seed-0", label, 2.0).family == family


def test_the_same_answer_is_one_of_the_family_or_as_quick() -> None:
    rows = [
        standing("seed-0", "int8 NNCF on OpenVINO, batch 8", 3.0),
        standing("seed-1", "int8 u8s8 on OpenVINO, batch 64", 2.5),
        standing("seed-2", "original on OpenVINO (bf16), batch 8", 2.9, behind=1.02),
        standing("seed-3", "original on OpenVINO (bf16), batch 8", 2.0),
        standing(LONG, "50% of blocks, int8 NNCF on OpenVINO, batch 8", 4.0),
    ]
    line = told("A model", rows)
    assert "| 3 of 4 |" in line
    assert "| 2.70 (2.00 to 3.00) | 4.00 | 68% |" in line
    assert share(rows) == pytest.approx(2.7 / 4.0)
