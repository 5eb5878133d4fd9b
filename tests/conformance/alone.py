"""ONNX Runtime by itself, without Tradewind around it."""

import numpy as np
import onnxruntime
from tests.conformance.cases import StandardCase
from tests.conformance.judging import differences


def is_right_alone(case: StandardCase, *, is_random: bool) -> bool:
    """Say whether the runtime answers rightly when it is asked through its own API."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 4
    try:
        session = onnxruntime.InferenceSession(
            case.proto.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
        given = [value.name for value in session.get_inputs()]
        names = [value.name for value in session.get_outputs()]
        for example in case.examples:
            if any(value is None for value in (*example.inputs, *example.outputs)):
                return False  # sequences, which are no tensors
            answers = session.run(None, dict(zip(given, example.inputs, strict=False)))
            got = [np.asarray(answer) for answer in answers]
            if differences(got, example.outputs, names, is_random):
                return False
    except Exception:  # whatever it raises is no answer
        return False
    return True
