"""Quantize with Neural Compressor: `python inc_static.py REQUEST inc`."""

import sys
from collections.abc import Iterator
from typing import Any

import onnx
import onnxruntime as ort
from asking import Inputs, Request
from neural_compressor import PostTrainingQuantConfig, quantization
from neural_compressor.config import AccuracyCriterion


class Examples:
    """The calibrate split, one at a time."""

    batch_size = 1

    def __init__(self, request: Request) -> None:
        self._examples = list(request.examples())

    def __len__(self) -> int:
        return len(self._examples)

    def __iter__(self) -> Iterator[tuple[Inputs, int]]:
        for inputs in self._examples:
            yield inputs, 0


def main() -> None:
    request = Request.read(sys.argv[1])

    def score(model: Any) -> float:
        session = ort.InferenceSession(
            model.SerializeToString(), providers=["CPUExecutionProvider"]
        )
        return request.score(lambda given: session.run(None, given))

    allowed = AccuracyCriterion(criterion="absolute", tolerable_loss=request.max_drop)
    found = quantization.fit(
        onnx.load(request.model),
        PostTrainingQuantConfig(accuracy_criterion=allowed),
        calib_dataloader=Examples(request),
        eval_func=score,
    )
    if found is None:
        sys.exit("it found nothing that keeps the accuracy")
    found.save(str(request.folder / "model.onnx"))


if __name__ == "__main__":
    main()
