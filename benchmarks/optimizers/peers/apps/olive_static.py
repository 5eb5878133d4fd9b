"""Quantize with a workflow of Olive: `python olive_static.py REQUEST olive`."""

import sys
from pathlib import Path
from typing import Any

import olive
from asking import Array, Inputs, Request
from olive.data.registry import Registry


class Examples:
    """The calibrate split, as a data set of PyTorch."""

    def __init__(self, request: Request) -> None:
        self._examples: list[Inputs] = list(request.examples())

    def __len__(self) -> int:
        return len(self._examples)

    def __getitem__(self, place: int) -> tuple[Inputs, int]:
        if place >= len(self._examples):
            raise IndexError(place)
        found: dict[str, Array] = self._examples[place]
        return {name: array[0] for name, array in found.items()}, 0


@Registry.register_dataset("examples")
def examples(**_: Any) -> Examples:
    """Return what the workflow calibrates with."""
    return Examples(Request.read(sys.argv[1]))


def main() -> None:
    request = Request.read(sys.argv[1])
    olive.run(
        {
            "input_model": {"type": "ONNXModel", "model_path": request.model},
            "data_configs": [{"name": "data", "load_dataset_config": {"type": "examples"}}],
            "passes": {
                "quantize": {"type": "OnnxStaticQuantization", "data_config": "data"},
            },
            "output_dir": str(request.folder / "out"),
            "cache_dir": str(request.folder / "cache"),
        }
    )
    [found] = Path(request.folder / "out").rglob("*.onnx")
    found.replace(request.folder / "model.onnx")


if __name__ == "__main__":
    main()
