"""A server for tests, run as a child: argument 1 is JSON with settings."""

import contextlib
import json
import sys
import time
from pathlib import Path
from typing import final

import msgspec
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from tests.serve.pictures import COLORS, picture
from tests.serve.recurrent import COUNTER_STATES, Slowed, compiled, counter

from tradewind.engines import OnnxRuntime
from tradewind.errors import EngineError, TradewindError
from tradewind.model import Model, Origin
from tradewind.runners import Runner
from tradewind.serve import Security, Sequences, ServedModel, Settings, claim_port, run
from tradewind.serve.batching import Batching
from tradewind.serve.caching import Caching
from tradewind.serve.observing import Observing
from tradewind.tensors import Array, Datatype, Signature, Tensors, TensorSpec


@final
class Echo(Runner):
    """Answers each input under the name of the output at the same place."""

    def __init__(self, datatype: Datatype, delay_s: float = 0.0, size: int | None = None) -> None:
        self._delay_s = delay_s
        self._signature = Signature(
            (TensorSpec("x", datatype, ("N", size)),), (TensorSpec("y", datatype, ("N", size)),)
        )

    @property
    def signature(self) -> Signature:
        return self._signature

    def __call__(self, inputs: Tensors) -> dict[str, Array]:
        time.sleep(self._delay_s)
        return {"y": inputs["x"]}

    def close(self) -> None:
        pass


@final
class Broken(Runner):
    """Never answers."""

    @property
    def signature(self) -> Signature:
        return Signature((TensorSpec("x", Datatype.FP32, ("N",)),), ())

    def __call__(self, inputs: Tensors) -> dict[str, Array]:
        raise EngineError("/secret/path.onnx", "an answer", "a broken kernel")

    def close(self) -> None:
        pass


def tiny() -> Runner:
    """y[i] = 10 * x[i], float32[N, 4], in ONNX Runtime."""
    weight = numpy_helper.from_array((np.eye(4) * 10).astype(np.float32), "w")
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"])],
        "tiny",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 4])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 4])],
        [weight],
    )
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(proto)
    return OnnxRuntime(threads=1).compile(Model.from_proto(proto, Origin("onnx", "tiny")))


def main() -> int:
    given = json.loads(sys.argv[1])
    security = msgspec.convert(given.pop("security", {}), Security, dec_hook=_to_path)
    observing = msgspec.convert(given.pop("observing", {}), Observing, dec_hook=_to_path)
    caching = Caching(**given.pop("caching", {}))
    sequences = Sequences(**given.pop("sequences", {}))
    batching = Batching.parse(given.pop("batching", []))
    settings = Settings(
        **given,
        security=security,
        observing=observing,
        caching=caching,
        batching=batching,
        sequences=sequences,
    )
    echoes = [
        ServedModel(f"echo-{datatype.value}", Echo(datatype), "test_echo") for datatype in Datatype
    ]
    models = [
        ServedModel("tiny", tiny(), "onnx_onnxruntime", parameters={"variant": "original"}),
        ServedModel("slow", Echo(Datatype.FP32, delay_s=0.2), "test_echo"),
        ServedModel("broken", Broken(), "test_broken"),
        ServedModel("two words/é", Echo(Datatype.FP32), "test_echo"),
        ServedModel("counter", compiled(counter()), "onnx_onnxruntime", states=COUNTER_STATES),
        ServedModel(
            "slow-counter", Slowed(compiled(counter()), 0.01), "test", states=COUNTER_STATES
        ),
        ServedModel("picture", picture(), "test", classes=COLORS),
        *echoes,
    ]
    try:
        with contextlib.ExitStack() as stack:
            admin = None
            if settings.admin_port is not None:
                admin = stack.enter_context(claim_port(settings.admin_host, settings.admin_port))

            grpc = None
            if settings.grpc_port is not None:
                grpc = stack.enter_context(
                    claim_port(settings.host, settings.grpc_port, "--grpc-port")
                )

            def ready(url: str) -> None:
                print(url, flush=True)
                if grpc is not None:
                    print(grpc.url, flush=True)
                if admin is not None:
                    print(admin.url, flush=True)

            run(models, settings, ready, admin=admin, grpc=grpc)
    except TradewindError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return 0


def _to_path(kind: type, value: object) -> Path:
    assert kind is Path
    return Path(str(value))


if __name__ == "__main__":
    sys.exit(main())
