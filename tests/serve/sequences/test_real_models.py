"""A speech enhancer that others trained, frame by frame."""

from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from tests.cli.test_serve import serving

import tradewind

STATES = {1: "input_3=tf_op_layer_stack_2", 2: "input_5=tf_op_layer_stack_5"}
FRAMES = 20


@pytest.mark.parametrize("number", STATES)
def test_dtln_enhances_streams_as_it_does_alone(
    shared_data: Path, number: int, random: np.random.Generator
) -> None:
    """Two interleaved streams; one engine with other threads has other last digits: 1e-4."""
    path = shared_data / "dtln" / f"model_{number}.onnx"
    if not path.exists():
        pytest.skip(f"there is no {path}")
    session = onnxruntime.InferenceSession(str(path))
    frame, state = (one.name for one in session.get_inputs())
    size, sizes = session.get_inputs()[0].shape[2], session.get_inputs()[1].shape
    streams = random.random((2, FRAMES, 1, size)).astype(np.float32)
    with serving(path, "--state", STATES[number]) as (url, _), tradewind.Client(url) as client:
        name = path.stem
        assert [one["shape"] for one in client.metadata(name)["inputs"]] == [[-1, 1, size]]
        with client.sequence(name) as first, client.sequence(name) as second:
            head = first.infer(streams[0, :5])
            streamed = [next(iter(one.values())) for one in second.stream(streams[1])]
            tail = first.infer(streams[0, 5:])
    [output] = head
    found = [np.concatenate([head[output], tail[output]]), np.concatenate(streamed)]
    for frames, answers in zip(streams, found, strict=True):
        held, wanted = np.zeros(sizes, np.float32), []
        for one in frames:
            told, held = session.run(None, {frame: one[None], state: held})
            wanted.append(told)
        np.testing.assert_allclose(answers, np.concatenate(wanted), rtol=1e-4, atol=1e-5)
