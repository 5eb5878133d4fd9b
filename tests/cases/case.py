"""One model of the shared table."""

import os
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import onnx
import onnx.reference

from tradewind.engines import ENGINES, Engine, OneDAL
from tradewind.model import Model, Origin
from tradewind.tensors import Array, Tensors

SEED = int(os.environ.get("TRADEWIND_TEST_SEED", secrets.randbits(32)))
"""Of all weights in the table; printed in the header, and set from there to repeat a failure."""

Draw = Callable[[np.random.Generator, int], dict[str, Array]]
"""Returns random inputs of so many examples."""

GENERAL = tuple(kind for kind in ENGINES if kind is not OneDAL)
"""The engines that run models of every kind, of those that are installed."""


@dataclass(frozen=True)
class Case:
    """A model with a way to draw inputs for it.

    Args:
        name: what a failing test is called.
        build: makes the graph; its random weights come from the generator.
        draw: makes inputs of n examples.
        fixed: the number of examples that the graph insists on; None when it takes any.
        engines: those that can run it.
        tolerance: largest error relative to the largest answer, of fp32 arithmetic in another
            order; a hundred products and sums of 1e-7 each stay below 1e-5.
    """

    name: str
    build: Callable[[np.random.Generator], onnx.ModelProto]
    draw: Draw
    fixed: int | None = None
    engines: tuple[type[Engine], ...] = GENERAL
    tolerance: float = 1e-5

    @cached_property
    def model(self) -> Model:
        """The model, the same in the whole run."""
        # every case has a stream of its own, so that a new one leaves the others as they are
        stream = np.random.default_rng([SEED, *self.name.encode()])
        proto = self.build(stream)
        onnx.checker.check_model(proto, full_check=True)
        return Model.from_proto(proto, Origin("onnx", f"{self.name}.onnx"))

    def inputs(self, random: np.random.Generator, examples: int = 3) -> dict[str, Array]:
        """Return random inputs, of the fixed number of examples where there is one."""
        return self.draw(random, self.fixed or examples)

    def reference(self, inputs: Tensors) -> dict[str, Array]:
        """Return what ONNX's own slow implementation answers."""
        names = [spec.name for spec in self.model.signature.outputs]
        proto = onnx.load_model_from_string(self.model.content)
        answers = onnx.reference.ReferenceEvaluator(proto).run(names, dict(inputs))
        return dict(zip(names, map(np.asarray, answers), strict=True))

    def __str__(self) -> str:
        return self.name
