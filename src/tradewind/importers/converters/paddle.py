"""PaddlePaddle's inference models to ONNX, by paddle2onnx.

Runs in the environment of PaddlePaddle; Tradewind is not there.
"""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

Arrays = dict[str, Any]
Answer = Callable[[Arrays, list[str]], Arrays]

OPSET = 17


def convert(request: dict[str, Any], target: Path) -> tuple[dict[str, Any], Answer]:
    """Write the graph; return a function that answers as PaddlePaddle does.

    Args:
        request: `graph` and `weights`, the two files of the model; `answers_only`, whether the
            graph is written elsewhere.
        target: the ONNX file to write.
    """
    if request["answers_only"]:
        return {}, _predictor(request)
    import paddle2onnx

    try:
        paddle2onnx.export(
            request["graph"],
            request["weights"],
            str(target),
            opset_version=OPSET,
            auto_upgrade_opset=False,
            enable_experimental_op=False,
            optimize_tool="None",
        )
    except Exception as error:
        lines = [line for line in str(error).splitlines() if line.strip()]
        raise ValueError(
            "operators that paddle2onnx can convert", (lines or ["others"])[-1][:300], ""
        ) from error
    _name_dimensions(target)
    return {}, _predictor(request)


def _name_dimensions(target: Path) -> None:
    """Give dimensions that may vary names that are identifiers, the first one that of a batch."""
    import onnx

    proto = onnx.load(target)
    for value in [*proto.graph.input, *proto.graph.output]:
        for axis, size in enumerate(value.type.tensor_type.shape.dim):
            if size.dim_param:
                size.dim_param = "N" if axis == 0 else re.sub(r"\W", "_", size.dim_param)
    onnx.save(proto, target)


def _predictor(request: dict[str, Any]) -> Answer:
    from paddle import inference

    config = inference.Config(request["graph"], request["weights"])
    config.disable_gpu()
    config.disable_glog_info()
    config.set_cpu_math_library_num_threads(1)
    config.disable_mkldnn()
    predictor = inference.create_predictor(config)

    def answer(inputs: Arrays, inside: list[str]) -> Arrays:
        for name in predictor.get_input_names():
            handle = predictor.get_input_handle(name)
            handle.reshape(inputs[name].shape)
            handle.copy_from_cpu(inputs[name])
        predictor.run()
        return {
            name: predictor.get_output_handle(name).copy_to_cpu()
            for name in predictor.get_output_names()
        }

    return answer
