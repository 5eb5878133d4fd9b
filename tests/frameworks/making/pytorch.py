"""PyTorch models as files.

python pytorch.py TARGET
"""

import os
import pathlib
import sys
from pathlib import Path
from typing import Any

import torch
from pytorch_models import Convolutions, made
from safetensors.torch import save_file


class Attack:
    """What a malicious pickle does: it runs a program when it is read."""

    def __reduce__(self) -> Any:
        return pathlib.Path.touch, (Path(os.environ["ATTACK"]),)


class Counter(torch.nn.Module):
    """A module that counts its calls, which no graph can."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = torch.nn.Buffer(torch.zeros(1))

    def forward(self, x: Any) -> Any:
        self.calls.add_(1)
        return x + self.calls


def _convolutions(folder: Path) -> None:
    module, example = made("convolutions")
    auto = torch.export.Dim.AUTO
    pair = (torch.cat([*example, *example]),)
    free = torch.export.export(module, pair, dynamic_shapes=({0: auto},))
    torch.export.save(free, folder / "free.pt2")
    torch.export.save(torch.export.export(module, example), folder / "fixed.pt2")
    torch.jit.trace(module, example).save(folder / "traced.pt")
    torch.save(module.state_dict(), folder / "state.pt")
    torch.save({"state_dict": {f"module.{k}": v for k, v in module.state_dict().items()}},
               folder / "parallel.th")  # fmt: skip
    save_file(module.state_dict(), folder / "state.safetensors")
    torch.save(module, folder / "whole.pt")
    torch.save({**module.state_dict(), "more": Attack()}, folder / "attack.pt")
    torch.save(Convolutions().body.state_dict(), folder / "other.pt")


def _scripts(folder: Path) -> None:
    module, _ = made("two towers")
    torch.jit.script(module.left).save(folder / "scripted.pt")
    encoder, example = made("encoder")
    torch.jit.trace(encoder, example, check_trace=False).save(folder / "words.pt")


if __name__ == "__main__":
    target = Path(sys.argv[1])
    torch.manual_seed(5)
    _convolutions(target)
    _scripts(target)
    program = torch.export.export(Counter(), (torch.zeros(2),))
    torch.export.save(program, target / "counter.pt2")
