"""Triton's own server from the wheel of PyTriton, with a repository for its Python backend."""

import os
import shutil
import sys
import sysconfig
from pathlib import Path

import pytriton
from onnx_model import OnnxModel

KINDS = {"float32": "TYPE_FP32", "int64": "TYPE_INT64"}

CONFIG = """
name: "{name}"
backend: "python"
max_batch_size: 32
input [{{ name: "{model.input_name}" data_type: {input_kind} dims: {model.input_shape} }}]
output [{{ name: "{model.output_name}" data_type: {output_kind} dims: {model.output_shape} }}]
instance_group [{{ count: {cores} kind: KIND_CPU }}]
dynamic_batching {{
  default_queue_policy {{ timeout_action: REJECT allow_timeout_override: true }}
}}
"""


def repository(folder: Path) -> Path:
    """Write what the server reads."""
    name, model = os.environ["NAME"], OnnxModel()
    version = folder / "models" / name / "1"
    version.mkdir(parents=True)
    here = Path(__file__).parent
    shutil.copy(here / "triton_model.py", version / "model.py")
    shutil.copy(here / "onnx_model.py", version)
    config = CONFIG.format(
        name=name,
        model=model,
        input_kind=KINDS[model.input_kind.__name__],
        output_kind=KINDS[model.output_kind.__name__],
        cores=os.environ["CORES"],
    )
    (version.parent / "config.pbtxt").write_text(config)
    return folder / "models"


def backends(folder: Path, parts: Path) -> Path:
    """Put the backend together with the stub for this version of Python."""
    made = folder / "backends" / "python"
    shutil.copytree(parts / "backends" / "python", made)
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    stub = parts / "python_backend_stubs" / version / "triton_python_backend_stub"
    libraries = parts.parents[1] / "nvidia_pytriton.libs"  # looked for relative to the stub
    shutil.copy(stub, made)
    os.environ["LD_LIBRARY_PATH"] = f"{libraries}:{sysconfig.get_config_var('LIBDIR')}"
    return folder / "backends"


def main() -> None:
    """Become the server."""
    folder = Path(os.environ["FOLDER"])
    parts = Path(pytriton.__file__).parent / "tritonserver"
    # the stub takes the packages of the first Python there is
    os.environ["PATH"] = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    os.environ.pop("PYTHONPATH", None)
    command = [
        str(parts / "bin" / "tritonserver"),
        f"--model-repository={repository(folder)}",
        f"--backend-directory={backends(folder, parts)}",
        f"--cache-directory={parts / 'caches'}",
        f"--http-port={os.environ['HTTP_PORT']}",
        f"--grpc-port={os.environ['GRPC_PORT']}",
        f"--metrics-port={os.environ['SPARE_PORT']}",
        "--http-address=127.0.0.1",
        "--grpc-address=127.0.0.1",
        "--log-info=false",
    ]
    os.execv(command[0], command)


if __name__ == "__main__":
    main()
