"""What engines are called, with their settings."""

from dataclasses import replace

import pytest

from tradewind.engines import OneDAL, OnnxRuntime, OpenVINO


@pytest.mark.parametrize("engine", [OnnxRuntime(), OpenVINO(), OneDAL()])
def test_one_thread_is_told_in_the_singular(engine: OnnxRuntime | OpenVINO | OneDAL) -> None:
    assert "(1 thread)" in replace(engine, threads=1).label
    assert "(2 threads)" in replace(engine, threads=2).label
