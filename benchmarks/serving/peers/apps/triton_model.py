"""The model as Triton's Python backend calls it: a list of requests, computed as one batch."""

from pathlib import Path
from typing import Any

import numpy as np
import triton_python_backend_utils as pb


class TritonPythonModel:
    """The name is the backend's."""

    def initialize(self, args: dict[str, str]) -> None:
        """Load the model."""
        import sys

        sys.path.append(str(Path(__file__).parent))
        from onnx_model import OnnxModel

        self._model = OnnxModel()

    def execute(self, requests: list[Any]) -> list[Any]:
        """Answer all requests in one run."""
        name = self._model.input_name
        parts = [pb.get_input_tensor_by_name(request, name).as_numpy() for request in requests]
        batch = parts[0] if len(parts) == 1 else np.concatenate(parts)
        found = self._model(batch)
        ends = np.cumsum([len(part) for part in parts])[:-1]
        return [
            pb.InferenceResponse([pb.Tensor(self._model.output_name, part)])
            for part in np.split(found, ends)
        ]
