"""Nonlinear functions of single elements, and those that share out one among many."""

from collections.abc import Callable

from tradewind.interpreter.node import Node
from tradewind.interpreter.operator import Function, Operator
from tradewind.interpreter.pytorch import Tensor, functional, torch


def leaky_relu(node: Node, x: Tensor) -> Tensor:
    """Compute LeakyRelu."""
    return functional.leaky_relu(x, node.number("alpha", 0.01))


def prelu(node: Node, x: Tensor, slope: Tensor) -> Tensor:
    """Compute PRelu; before opset 7 there is one slope for each channel."""
    if node.opset < 7 and slope.dim() == 1 and x.dim() > 2:
        slope = slope.reshape(-1, *(1,) * (x.dim() - 2))
    return torch.where(x < 0, slope * x, x)


def elu(node: Node, x: Tensor) -> Tensor:
    """Compute Elu."""
    return functional.elu(x, node.number("alpha", 1.0))


def selu(node: Node, x: Tensor) -> Tensor:
    """Compute Selu, with the factors that are written down."""
    alpha = node.number("alpha", 1.67326319217681884765625)
    gamma = node.number("gamma", 1.05070102214813232421875)
    return gamma * functional.elu(x, alpha)


def celu(node: Node, x: Tensor) -> Tensor:
    """Compute Celu."""
    return functional.celu(x, node.number("alpha", 1.0))


def hard_sigmoid(node: Node, x: Tensor) -> Tensor:
    """Compute HardSigmoid."""
    return (node.number("alpha", 0.2) * x + node.number("beta", 0.5)).clamp(0, 1)


def hard_swish(node: Node, x: Tensor) -> Tensor:
    """Compute HardSwish."""
    return x * (x / 6 + 0.5).clamp(0, 1)


def swish(node: Node, x: Tensor) -> Tensor:
    """Compute Swish."""
    return x * torch.sigmoid(node.number("alpha", 1.0) * x)


def gelu(node: Node, x: Tensor) -> Tensor:
    """Compute Gelu."""
    return functional.gelu(x, approximate=node.text("approximate", "none"))


def thresholded_relu(node: Node, x: Tensor) -> Tensor:
    """Compute ThresholdedRelu."""
    return torch.where(x > node.number("alpha", 1.0), x, torch.zeros_like(x))


def shrink(node: Node, x: Tensor) -> Tensor:
    """Compute Shrink."""
    edge, bias = node.number("lambd", 0.5), node.number("bias")
    near = torch.where(x > edge, x - bias, torch.zeros_like(x))
    return torch.where(x < -edge, x + bias, near).to(x.dtype)


def _over(node: Node, x: Tensor, function: Callable[[Tensor, int], Tensor]) -> Tensor:
    """Apply a function over one axis or, before opset 13, over all axes from one on."""
    if node.opset >= 13:
        return function(x, node.integer("axis", -1))
    axis = node.integer("axis", 1) % max(x.dim(), 1)
    rows = 1
    for size in x.shape[:axis]:
        rows *= size
    return function(x.reshape(rows, -1) if rows else x, -1).reshape(x.shape)


def softmax(node: Node, x: Tensor) -> Tensor:
    """Compute Softmax."""
    return _over(node, x, lambda rows, axis: torch.softmax(rows, axis))


def log_softmax(node: Node, x: Tensor) -> Tensor:
    """Compute LogSoftmax."""
    return _over(node, x, lambda rows, axis: torch.log_softmax(rows, axis))


def _hardmax(rows: Tensor, axis: int) -> Tensor:
    # the first of equal maxima, which PyTorch's own argmax does not promise
    best = rows == rows.amax(axis, keepdim=True)
    return (best & (best.cumsum(axis) == 1)).to(rows.dtype)


def hardmax(node: Node, x: Tensor) -> Tensor:
    """Compute Hardmax."""
    return _over(node, x, _hardmax)


_FUNCTIONS: dict[str, Function] = {
    "Celu": celu,
    "Elu": elu,
    "Gelu": gelu,
    "HardSigmoid": hard_sigmoid,
    "HardSwish": hard_swish,
    "Hardmax": hardmax,
    "LeakyRelu": leaky_relu,
    "LogSoftmax": log_softmax,
    "Mish": lambda node, x: functional.mish(x),
    "PRelu": prelu,
    "Relu": lambda node, x: torch.relu(x),
    "Selu": selu,
    "Shrink": shrink,
    "Sigmoid": lambda node, x: torch.sigmoid(x),
    "Softmax": softmax,
    "Softplus": lambda node, x: functional.softplus(x, threshold=80.0),
    "Softsign": lambda node, x: functional.softsign(x),
    "Swish": swish,
    "Tanh": lambda node, x: torch.tanh(x),
    "ThresholdedRelu": thresholded_relu,
}
OPERATORS = {name: Operator(function) for name, function in _FUNCTIONS.items()}
