"""Quantize for OpenVINO: `python nncf_openvino.py REQUEST nncf|nncf-accuracy`."""

import sys
from collections.abc import Iterable
from typing import Any

from asking import Array, Inputs, Request

sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]  # as where it is missing

import nncf  # noqa: E402
import openvino as ov  # noqa: E402


def main() -> None:
    request = Request.read(sys.argv[1])
    model = ov.Core().read_model(request.model)
    calibration = nncf.Dataset(list(request.examples()))
    told: dict[str, Any] = {}
    if _has_attention(model):
        told["model_type"] = nncf.ModelType.TRANSFORMER
    if sys.argv[2] == "nncf":
        found = nncf.quantize(model, calibration, **told)
    else:

        def validate(compiled: Any, _: Iterable[Any]) -> float:
            return request.score(lambda given: _answer(compiled, given))

        found = nncf.quantize_with_accuracy_control(
            model,
            calibration,
            nncf.Dataset([0]),
            validate,
            max_drop=request.max_drop,
            **told,
        )
    ov.save_model(found, str(request.folder / "model.xml"))


def _has_attention(model: Any) -> bool:
    """Say whether a softmax feeds a product of two activations."""
    return any(
        any(
            target.get_node().get_type_name() == "MatMul"
            for output in node.outputs()
            for target in output.get_target_inputs()
        )
        for node in model.get_ops()
        if node.get_type_name() == "Softmax"
    )


def _answer(compiled: Any, given: Inputs) -> list[Array]:
    found = compiled(given)
    return [found[place] for place in range(len(compiled.outputs))]


if __name__ == "__main__":
    main()
