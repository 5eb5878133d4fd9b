"""Weights from a file into a module."""

from pathlib import Path
from typing import Any

import torch

from .torch_export import refusal


def load_weights(module: Any, path: Path) -> None:
    """Fill a module from a file of safetensors or of `torch.save`, of which no pickle is run.

    Raises:
        ValueError: it holds something else, or the weights of another architecture.
    """
    with path.open("rb") as file:
        head = file.read(9)
    state = _read_safetensors(path) if head[8:9] == b"{" else _read_state(path)
    for key in ("state_dict", "model_state_dict", "model"):
        if isinstance(state.get(key), dict):
            state = state[key]
            break
    if state and all(name.startswith("module.") for name in state):  # of torch's DataParallel
        state = {name.removeprefix("module."): value for name, value in state.items()}
    try:
        module.load_state_dict(state)
    except RuntimeError as error:
        lines = [line.strip() for line in str(error).splitlines()[1:3]]
        hint = "give the weights of this architecture."
        raise refusal(f"weights for {type(module).__name__}", " ".join(lines), hint) from error


def _read_safetensors(path: Path) -> dict[str, Any]:
    from safetensors.torch import load_file  # modules in memory have their weights

    return dict(load_file(path))


def _read_state(path: Path) -> dict[str, Any]:
    hint = "where its code is, `torch.save(model.state_dict(), FILE)` or safetensors."
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # damaged archives raise whatever their parts do
        got = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
        if "weights_only" in str(error) or "Weights only" in str(error):
            got = "a pickle of other objects, which only running foreign code could load"
        raise refusal("a file of weights", got, hint) from error
    if not isinstance(state, dict):
        raise refusal("a dictionary of weights", type(state).__name__, hint)
    return state
