"""Commands that can be pasted."""

from dataclasses import replace

import pytest

from tradewind.bundle import Manifest
from tradewind.report.commands import commands


@pytest.mark.parametrize(
    ("command", "bundle"),
    [
        ("tradewind optimize a/net.onnx --data x.npz", "a/net.tw"),
        ("tradewind optimize net.onnx --data x.npz --out 'my bundle'", "'my bundle'"),
        ("tradewind demo", "resnet18.tw"),
        ("tradewind optimize 'unbalanced", "resnet18.tw"),
        ("", "resnet18.tw"),
    ],
)
def test_the_bundle_is_where_the_search_wrote_it(good: Manifest, command: str, bundle: str) -> None:
    found = commands(replace(good, command=command))
    assert found.verify == f"tradewind verify {bundle}"
    assert found.serve == f"tradewind serve {bundle}"


def test_a_bench_reads_the_data_as_the_search_did(good: Manifest) -> None:
    command = "tradewind optimize net.onnx --data x.csv --label spam --max-drop 0.02"
    assert commands(replace(good, command=command)).bench == (
        "tradewind bench net.onnx net.tw --data x.csv --label spam"
    )
