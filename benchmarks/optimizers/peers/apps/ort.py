"""Quantize with ONNX Runtime: `python ort.py REQUEST ort-static|ort-dynamic`."""

import sys
from collections.abc import Iterator
from pathlib import Path

from asking import Inputs, Request
from onnxruntime.quantization import CalibrationDataReader, quantize_dynamic, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process


class Examples(CalibrationDataReader):
    """The calibrate split, one at a time."""

    def __init__(self, request: Request) -> None:
        self._left: Iterator[Inputs] = request.examples()

    def get_next(self) -> Inputs | None:
        return next(self._left, None)


def main() -> None:
    request = Request.read(sys.argv[1])
    ready = request.folder / "ready.onnx"
    target = request.folder / "model.onnx"
    try:
        quant_pre_process(request.model, str(ready))
    except Exception as error:  # what it cannot infer it may be quantized without
        print(f"not prepared: {error}")
        ready = Path(request.model)
    if sys.argv[2] == "ort-dynamic":
        quantize_dynamic(str(ready), str(target))
    else:
        quantize_static(str(ready), str(target), Examples(request))


if __name__ == "__main__":
    main()
