"""Matrix products."""

from tradewind.interpreter.node import Node
from tradewind.interpreter.operator import Operator
from tradewind.interpreter.pytorch import Tensor, torch


def matmul(node: Node, a: Tensor, b: Tensor) -> Tensor:
    """Compute MatMul."""
    return torch.matmul(a, b)


def gemm(node: Node, a: Tensor, b: Tensor, c: Tensor | None = None) -> Tensor:
    """Compute Gemm: alpha * A @ B + beta * C."""
    a = a.T if node.integer("transA") else a
    b = b.T if node.integer("transB") else b
    y = a @ b
    alpha, beta = node.number("alpha", 1.0), node.number("beta", 1.0)
    if alpha != 1:
        y = (alpha * y).to(y.dtype)
    if c is None:
        return y
    return y + (c if beta == 1 else (beta * c).to(c.dtype))


def einsum(node: Node, *given: Tensor) -> Tensor:
    """Compute Einsum."""
    return torch.einsum(node.text("equation").replace(" ", ""), *given)


def matmul_integer(
    node: Node, a: Tensor, b: Tensor, a_zero: Tensor | None = None, b_zero: Tensor | None = None
) -> Tensor:
    """Compute MatMulInteger in double precision, which holds its sums and has gradients."""
    a, b = a.double(), b.double()
    if a_zero is not None:
        zero = a_zero.double()
        a = a - (zero.unsqueeze(-1) if zero.dim() == 1 and len(zero) > 1 else zero)
    return (a @ (b if b_zero is None else b - b_zero.double())).float()


OPERATORS = {
    "Einsum": Operator(einsum),
    "Gemm": Operator(gemm),
    "MatMul": Operator(matmul),
    "MatMulInteger": Operator(matmul_integer),
}
