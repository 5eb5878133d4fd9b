"""The model that every server of the comparison answers for, in ONNX Runtime.

Read by scripts that run in environments without Tradewind.
"""

import os
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime as ort

KINDS = {"tensor(float)": np.float32, "tensor(int64)": np.int64}


class OnnxModel:
    """One session with one input and one output."""

    def __init__(self, threads: int = 1) -> None:
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3
        providers = ["CPUExecutionProvider"]
        self._session = ort.InferenceSession(os.environ["MODEL"], options, providers=providers)
        (given,), (answered,) = self._session.get_inputs(), self._session.get_outputs()
        self.input_name, self.output_name = given.name, answered.name
        self.input_kind, self.output_kind = KINDS[given.type], KINDS[answered.type]
        self.input_shape = list(given.shape[1:])  # without the batch
        self.output_shape = list(answered.shape[1:])

    def __call__(self, batch: npt.NDArray[Any]) -> npt.NDArray[Any]:
        return self._session.run([self.output_name], {self.input_name: batch})[0]
