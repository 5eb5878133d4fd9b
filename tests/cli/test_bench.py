from pathlib import Path

import numpy as np
import onnx
import pytest
from tests.cli.child import tradewind
from tests.cli.conftest import Quick
from tests.cli.samples import Sample, dense


def test_a_model_against_itself_is_timed_as_two(sample: Sample) -> None:
    done = tradewind(
        "bench", sample.model, sample.model, "--data", sample.data, "--time", "2s", "--json"
    )
    assert done.code == 0, done.err
    first, second, *large = done.document["results"]
    assert first["speedup"] is None
    assert [line["batch_size"] for line in large] == [32, 32]
    # an interval of 95% may miss 1; that it is far off may not be
    assert second["speedup"]["low"] < 1.5
    assert second["speedup"]["high"] > 0.67
    assert first["rounds"] == second["rounds"] >= 6


def test_bench_mixes_models_and_bundles(sample: Sample, bundle: Path, quick: Quick) -> None:
    done = quick(
        "bench", sample.model, bundle, "--data", sample.data, "--time", "1s", "--batch-size", 4
    )
    assert done.code == 0
    assert "model.tw" in done.out
    assert "the first" in done.out


@pytest.mark.parametrize("variants", [("original",), ("original", "original")])
def test_bench_times_each_variant_that_is_named(
    variants: tuple[str, ...], sample: Sample, bundle: Path, quick: Quick
) -> None:
    named = [word for variant in variants for word in ("--variant", variant)]
    done = quick(
        "bench", sample.model, bundle, "--data", sample.data, "--batch-size", 1, *named,
        "--time", "0.2s", "--json",
    )  # fmt: skip
    assert done.code == 0, done.err
    assert [line["name"] for line in done.document["results"]] == [
        "model", *(["model.tw"] * len(variants))
    ]  # fmt: skip


def test_a_fixed_batch_needs_the_size_named(
    tmp_path: Path, sample: Sample, random: np.random.Generator, quick: Quick
) -> None:
    pairs = tmp_path / "pairs.onnx"
    onnx.save(dense(random, batch=2), pairs)
    done = quick("bench", pairs, "--data", sample.data, "--time", "1s")
    assert done.code == 2
    assert "--batch-size 2" in done.err
    done = quick("bench", pairs, "--data", sample.data, "--time", "1s", "--batch-size", 2)
    assert done.code == 0


@pytest.mark.parametrize(
    ("option", "value"), [("--time", "abc"), ("--seed", "-1"), ("--batch-size", "0")]
)
def test_bench_refuses_a_wrong_setting(
    option: str, value: str, sample: Sample, quick: Quick
) -> None:
    done = quick("bench", sample.model, "--data", sample.data, option, value)
    assert done.code == 2
    assert option in done.err


def test_bench_refuses_models_that_take_something_else(
    tmp_path: Path, sample: Sample, shared_data: Path, quick: Quick
) -> None:
    other = shared_data / "cifar10_resnets" / "resnet20.onnx"
    done = quick("bench", sample.model, other, "--data", sample.data, "--time", "1s")
    assert done.code == 2
    assert "input" in done.err


def test_models_of_one_name_are_told_apart_by_their_folders(
    tmp_path: Path, sample: Sample, quick: Quick
) -> None:
    other = tmp_path / "other" / sample.model.name
    other.parent.mkdir()
    other.write_bytes(sample.model.read_bytes())
    done = quick(
        "bench", sample.model, other, sample.model, "--data", sample.data, "--batch-size", 1,
        "--time", "0.2s", "--json",
    )  # fmt: skip
    assert done.code == 0, done.err
    names = [line["name"] for line in done.document["results"]]
    assert names == [str(sample.model), str(other), str(sample.model)]
