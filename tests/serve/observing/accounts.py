"""Accounts of requests that never came, for tests."""

import numpy as np

from tradewind.serve.observing import Account
from tradewind.serve.observing.account import Trace
from tradewind.tensors import Array


def answered(
    number: int = 0,
    inputs: dict[str, Array] | None = None,
    trace: Trace | None = None,
    examples: int = 2,
) -> Account:
    """Return a request that took 10 ms: 1 to read, 2 to wait, 3 to compute, 1 to encode."""
    arrived_s = 100.0
    return Account(
        protocol="http",
        method="POST",
        path="/v2/models/m/infer",
        client="somebody",
        started_s=1.75e9 + number,
        arrived_s=arrived_s,
        trace=trace,
        model="m",
        version="1",
        request_id=f"number {number}",
        status=200,
        received_bytes=100,
        sent_bytes=200,
        examples=examples,
        together=8,
        understood_s=arrived_s + 0.001,
        computing_s=arrived_s + 0.003,
        computed_s=arrived_s + 0.006,
        answered_s=arrived_s + 0.009,
        ended_s=arrived_s + 0.010,
        inputs={"x": np.full((2, 3), number, np.float32)} if inputs is None else inputs,
        outputs={"y": np.array([number, -number], np.int64)},
    )
