"""Models of JAX imported from memory, by a Python that holds both JAX and Tradewind.

python jax_memory.py TARGET PACKAGES
"""

import json
import sys
from dataclasses import asdict
from pathlib import Path

TARGET, PACKAGES = Path(sys.argv[1]), sys.argv[2]
sys.path.append(PACKAGES)  # after our own, of which it has other versions

import jax  # noqa: E402
from jax import export  # noqa: E402
from jax_models import models  # noqa: E402

from tradewind.errors import ModelError  # noqa: E402
from tradewind.importers import load_model  # noqa: E402
from tradewind.importers.jax import JaxFunction  # noqa: E402
from tradewind.importers.metadata import notes_of  # noqa: E402
from tradewind.model import Model  # noqa: E402


def _keep(name: str, model: Model) -> None:
    model.save(TARGET / f"{name}.onnx")
    told = {"origin": asdict(model.origin), "notes": notes_of(model)}
    (TARGET / f"{name}.json").write_text(json.dumps(told), encoding="utf-8")


def _main() -> None:
    for name, made in models().items():
        if made.params is None:
            source = JaxFunction(lambda x, f=made.function: f(None, x), None, made.inputs)
        else:
            source = JaxFunction(made.function, made.params, made.inputs)
        _keep(name, load_model(source))
    exported = export.export(jax.jit(lambda x: x * 2))(jax.ShapeDtypeStruct((3,), "float32"))
    _keep("exported", load_model(exported))
    for name, function in {
        "foreign": lambda x: jax.pure_callback(lambda v: v, x, x),
        "failing": lambda x: x.no_such_method(),
    }.items():
        try:
            load_model(JaxFunction(function, None, [jax.ShapeDtypeStruct((4, 2), "float32")]))
        except ModelError as error:
            (TARGET / f"{name}.txt").write_text(str(error), encoding="utf-8")


if __name__ == "__main__":
    _main()
