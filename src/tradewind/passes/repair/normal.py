"""Least squares from sums that are added up batch by batch."""

from dataclasses import dataclass, field

import numpy as np

from tradewind.tensors import Array


@dataclass
class NormalEquations:
    """The sums that determine min ||X W + b - Y||^2, for several independent groups.

    What is kept does not grow with the number of rows.
    """

    count: int = 0
    _gram: Array | float = field(default=0.0)  # X^T X, float64[groups, inputs, inputs]
    _cross: Array | float = field(default=0.0)  # X^T Y, float64[groups, inputs, outputs]
    _sum_x: Array | float = field(default=0.0)
    _sum_y: Array | float = field(default=0.0)

    @property
    def gram(self) -> Array:
        """The sum of x x' over all rows, float64[groups, inputs, inputs]."""
        return np.asarray(self._gram)

    def add(self, rows: Array, targets: Array) -> None:
        """Add rows X float[groups, rows, inputs] with their Y float[groups, rows, outputs]."""
        turned = rows.transpose(0, 2, 1)
        self.count += rows.shape[1]
        self._gram = self._gram + np.matmul(turned, rows).astype(np.float64)
        self._cross = self._cross + np.matmul(turned, targets).astype(np.float64)
        self._sum_x = self._sum_x + rows.sum(1, dtype=np.float64)
        self._sum_y = self._sum_y + targets.sum(1, dtype=np.float64)

    def solve(self, start: Array, ridge: float, has_bias: bool) -> tuple[Array, Array]:
        """Return W and b that fit best, drawn a little towards where they were.

        min ||X W + b - Y||^2 + ridge * mean(diag(X^T X)) * ||W - start||^2; b is free.

        Args:
            start: float[groups, inputs, outputs].
            ridge: how strongly W is drawn.
            has_bias: whether there is a b; it is 0 otherwise.

        Returns:
            W like `start`, float64, with b float64[groups, outputs].
        """
        gram, cross = np.asarray(self._gram), np.asarray(self._cross)
        mean_x = np.asarray(self._sum_x) / self.count
        mean_y = np.asarray(self._sum_y) / self.count
        if has_bias:
            gram = gram - self.count * mean_x[:, :, None] * mean_x[:, None, :]
            cross = cross - self.count * mean_x[:, :, None] * mean_y[:, None, :]
        size = gram.shape[-1]
        strength = ridge * np.trace(gram, axis1=1, axis2=2) / size + 1e-12
        damped = gram + strength[:, None, None] * np.eye(size)
        weight = start + np.linalg.solve(damped, cross - gram @ start)
        bias = mean_y - np.einsum("gi,gio->go", mean_x, weight)
        return weight, bias if has_bias else np.zeros_like(bias)
