"""Discrete Fourier transforms."""

import math

from tradewind.interpreter.node import Node
from tradewind.interpreter.operator import Operator, integers
from tradewind.interpreter.pytorch import Tensor, torch


def _complex(x: Tensor) -> Tensor:
    """Return signals whose last dimension has one real or two complex parts."""
    if x.shape[-1] == 1:
        return x.squeeze(-1)
    return torch.view_as_complex(x.contiguous())


def dft(node: Node, x: Tensor, length: Tensor | None = None, axis: Tensor | None = None) -> Tensor:
    """Compute DFT; real and imaginary parts are the last dimension."""
    default = 1 if node.opset < 20 else -2
    dim = node.integer("axis", default) if axis is None else integers(axis)[0]
    dim = dim % x.dim()
    is_half, size = bool(node.integer("onesided")), None if length is None else integers(length)[0]
    signal = _complex(x)
    if node.integer("inverse"):
        if is_half:
            return torch.fft.irfft(signal, size, dim).unsqueeze(-1).to(x.dtype)
        return torch.view_as_real(torch.fft.ifft(signal, size, dim)).to(x.dtype)
    found = torch.fft.fft(signal, size, dim)
    if is_half:
        found = found.narrow(dim, 0, found.shape[dim] // 2 + 1)
    return torch.view_as_real(found).to(x.dtype)


def stft(
    node: Node,
    x: Tensor,
    step: Tensor,
    window: Tensor | None = None,
    length: Tensor | None = None,
) -> Tensor:
    """Compute STFT of signals [batch, samples, 1 or 2], as [batch, frames, frequencies, 2]."""
    if length is not None:
        size = integers(length)[0]
    else:
        size = x.shape[1] if window is None else window.shape[0]
    frames = _complex(x).unfold(1, size, integers(step)[0])
    if window is not None:
        frames = frames * window
    found = torch.fft.fft(frames, dim=-1)
    if node.integer("onesided", 1):
        found = found.narrow(-1, 0, size // 2 + 1)
    return torch.view_as_real(found).to(x.dtype)


def _window(weights: tuple[float, ...]) -> Operator:
    """Return the operator of a window that is a sum of cosines."""

    def apply(node: Node, size: Tensor) -> Tensor:
        count = integers(size)[0]
        period = count if node.integer("periodic", 1) else count - 1
        turn = 2 * math.pi * torch.arange(count, dtype=torch.float64) / period
        parts = [weight * torch.cos(at * turn) for at, weight in enumerate(weights)]
        return torch.stack(parts).sum(0).to(node.datatypes.of(node.integer("output_datatype", 1)))

    return Operator(apply, host=(0,))


OPERATORS = {
    "BlackmanWindow": _window((0.42, -0.5, 0.08)),
    "DFT": Operator(dft, host=(1, 2)),
    "HammingWindow": _window((25 / 46, -21 / 46)),
    "HannWindow": _window((0.5, -0.5)),
    "STFT": Operator(stft, host=(1, 3)),
}
