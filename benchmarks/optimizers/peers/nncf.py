"""NNCF, which quantizes for OpenVINO."""

import importlib.metadata

from benchmarks.optimizers.peers.peer import Peer

_NEEDS = (
    f"nncf=={importlib.metadata.version('nncf')}",
    f"openvino=={importlib.metadata.version('openvino')}",
)

NNCF = Peer(
    "nncf",
    "NNCF quantize",
    "`nncf.quantize` on the OpenVINO graph with its defaults; of transformers it is told so.",
    "openvino",
    "nncf_openvino",
    _NEEDS,
)
NNCF_ACCURACY = Peer(
    "nncf-accuracy",
    "NNCF with accuracy control",
    "`nncf.quantize_with_accuracy_control`, which is given the select split and a drop of 1%.",
    "openvino",
    "nncf_openvino",
    _NEEDS,
)
