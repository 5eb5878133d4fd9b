"""Trees on oneDAL, all else on ONNX Runtime.

oneDAL compares `value <= threshold` in float32 and has a side for missing values at every node,
so each row ends in the leaf that the graph names. It adds leaves in float32 like ONNX Runtime.
"""

import contextlib
import importlib.metadata
import importlib.util
from dataclasses import dataclass
from typing import Any, ClassVar, final

import numpy as np
from onnx import TensorProto

from tradewind.engines.engine import Engine, threads_note
from tradewind.engines.ensembles import DOMAIN, OPERATORS, Ensemble, Step, read_ensemble
from tradewind.engines.onnxruntime import OnnxRuntime
from tradewind.engines.splitting import cut_at
from tradewind.errors import EngineError, SettingError, UnsupportedModel
from tradewind.model import Model
from tradewind.runners import Runner
from tradewind.tensors import Array, Signature, Tensors

_PACKAGE = "scikit-learn-intelex"


@final
@dataclass(frozen=True)
class OneDAL(Engine):
    """Ensembles of trees on oneDAL, through daal4py; what surrounds them runs on ONNX Runtime."""

    name: ClassVar[str] = "onedal"

    threads: int = 0  # of what surrounds the trees; oneDAL takes every core for large batches

    def __post_init__(self) -> None:
        if self.threads < 0:
            raise SettingError("threads", "0 or more", str(self.threads))

    @classmethod
    def is_installed(cls) -> bool:
        """Whether the extra `trees` is there."""
        return importlib.util.find_spec("daal4py") is not None

    @classmethod
    def version(cls) -> str:
        return importlib.metadata.version(_PACKAGE)

    @property
    def label(self) -> str:
        return f"oneDAL ({threads_note(self.threads)})" if self.threads else "oneDAL"

    def compile(self, model: Model) -> Runner:
        cut = cut_at(model, OPERATORS, DOMAIN)
        if any(one.t.data_type == TensorProto.DOUBLE for one in cut.node.attribute):
            where = model.origin.source
            raise UnsupportedModel(where, "trees of 32-bit floats", "64-bit floats")
        ensemble = read_ensemble(cut.node, model.origin.source)
        rest = OnnxRuntime(threads=self.threads)
        with contextlib.ExitStack() as stack:
            before, after = (
                None if part is None else stack.enter_context(rest.compile(part))
                for part in (cut.before, cut.after)
            )
            trees = _trees(ensemble, model.origin.source)
            stack.pop_all()
        names = (cut.node.input[0], cut.node.output[0])
        return _Compiled(model.signature, before, names, trees, _features(ensemble), after)


def _trees(ensemble: Ensemble, where: str) -> list[Any]:
    """Return a model of oneDAL for every target.

    Raises:
        UnsupportedModel: oneDAL is not there, or refuses.
    """
    try:
        import daal4py
    except ImportError as error:
        hint = 'pip install "tradewind[trees]"'
        raise UnsupportedModel(where, "daal4py", "none installed", hint) from error
    features = _features(ensemble)
    found = []
    for target in range(ensemble.targets):
        trees = [tree for tree in ensemble.trees if _adds_to(tree, target)]
        builder = daal4py.gbt_reg_model_builder(
            n_features=features, n_iterations=max(len(trees), 1)
        )
        for tree in trees or [(Step(-1, is_second=False),)]:
            _build(builder, tree, target)
        found.append(builder.model(base_score=ensemble.base[target]))
    return found


def _features(ensemble: Ensemble) -> int:
    """Return how many columns a row needs, one at least."""
    return 1 + max((max(step.feature, 0) for tree in ensemble.trees for step in tree), default=0)


def _adds_to(tree: tuple[Step, ...], target: int) -> bool:
    return any(one == target for step in tree for one, _ in step.weights)


def _build(builder: Any, tree: tuple[Step, ...], target: int) -> None:
    number = builder.create_tree(len(tree))
    places: list[int] = []
    for step in tree:
        lies: dict[str, int] = {}
        if step.parent >= 0:
            lies = {"parent_id": places[step.parent], "position": int(step.is_second)}
        if step.feature < 0:
            weight = sum(weight for one, weight in step.weights if one == target)
            places.append(builder.add_leaf(tree_id=number, response=weight, cover=0.0, **lies))
        else:
            places.append(
                builder.add_split(
                    tree_id=number,
                    feature_index=step.feature,
                    feature_value=step.threshold,
                    default_left=int(step.is_missing_first),
                    cover=0.0,
                    **lies,
                )
            )


@final
class _Compiled(Runner):
    """Trees with what comes before and after them."""

    def __init__(
        self,
        signature: Signature,
        before: Runner | None,
        names: tuple[str, str],
        trees: list[Any],
        features: int,
        after: Runner | None,
    ) -> None:
        import daal4py

        self._signature = signature
        self._before, self._after = before, after
        self._source, self._sums = names
        self._trees, self._features = trees, features
        self._predict = daal4py.gbt_regression_prediction
        self._is_closed = False

    @property
    def signature(self) -> Signature:
        return self._signature

    def __call__(self, inputs: Tensors) -> dict[str, Array]:
        if self._is_closed:
            raise EngineError("onedal", "an open runner", "one that was closed")
        rows = inputs if self._before is None else self._before(inputs)
        sums = self._add_up(rows[self._source])
        if self._after is None:
            return {self._sums: sums}
        taken = {
            spec.name: sums if spec.name == self._sums else inputs[spec.name]
            for spec in self._after.signature.inputs
        }
        return self._after(taken)

    def _add_up(self, rows: Array) -> Array:
        if not len(rows):
            return np.zeros((0, len(self._trees)), np.float32)
        # it takes as many columns as the trees ask for, no more
        table = np.ascontiguousarray(rows[:, : self._features])
        try:
            columns = [
                self._predict(fptype="float").compute(table, trees).prediction
                for trees in self._trees
            ]
        except (RuntimeError, TypeError, ValueError) as error:
            raise EngineError("onedal", "an answer", str(error)[:300]) from error
        return columns[0] if len(columns) == 1 else np.concatenate(columns, axis=1)

    def close(self) -> None:
        self._is_closed = True
        for part in (self._before, self._after):
            if part is not None:
                part.close()
