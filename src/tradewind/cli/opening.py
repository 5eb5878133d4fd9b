"""Models and bundles as commands are given them: by path."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import wraps
from pathlib import Path
from typing import Any

import click

from tradewind.bundle import Bundle, VariantRecord, is_bundle, open_bundle, prepared
from tradewind.data import Dataset, Preprocessing, Steps, carried, image_input, open_dataset
from tradewind.engines import Engine, OnnxRuntime
from tradewind.errors import DataError, SettingError
from tradewind.importers import is_model, load_model, names_factory
from tradewind.model import Model
from tradewind.runners import Runner
from tradewind.tensors import TensorSpec


@dataclass(frozen=True)
class Importing:
    """What the command line says of how a model is imported."""

    weights: Path | None = None
    inputs: tuple[str, ...] = ()
    trusts_pickle: bool = False
    signature: str | None = None

    @property
    def builds(self) -> bool:
        """Whether it says something of a module that code builds."""
        return self.weights is not None or bool(self.inputs)

    def load(self, source: Path) -> Model:
        """Import a model.

        Raises:
            ModelError: it cannot be imported.
            SettingError: an input is described in another way.
        """
        specs = [TensorSpec.parse(text) for text in self.inputs] or None
        return load_model(
            source,
            weights=self.weights,
            inputs=specs,
            signature=self.signature,
            trust_pickle=self.trusts_pickle,
        )

    def of(self, path: Path, paths: Sequence[Path]) -> "Importing":
        """Return what is said of one among several models: weights are those of the only function.

        Raises:
            SettingError: there are several functions, or none.
        """
        if not self.builds:
            return self
        built = [one for one in paths if names_factory(one)] if len(paths) != 1 else list(paths)
        if len(built) != 1:
            expected = "one model given as package.module:function"
            raise SettingError("--weights and --input", expected, str(len(built)))
        return self if path == built[0] else replace(self, weights=None, inputs=())


def importing(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of every command that opens models; it gets them as `how`, an `Importing`."""

    @wraps(command)
    def called(
        *given: Any,
        weights: Path | None,
        inputs: tuple[str, ...],
        signature: str | None,
        trust_pickle: bool,
        **named: Any,
    ) -> Any:
        how = Importing(weights, inputs, trust_pickle, signature)
        return command(*given, how=how, **named)

    about = click.option(
        "--weights",
        type=click.Path(path_type=Path),
        help="Weights for the module that a model given as package.module:function builds, or for "
        "the function of JAX that it is: safetensors, a state dict or .npz.",
    )
    described = click.option(
        "--input",
        "inputs",
        multiple=True,
        metavar="SPEC",
        help="What such a model takes, as 'NAME=FP32[N,3,32,32]', once for each input; letters "
        "are sizes that may vary.",
    )
    choosing = click.option(
        "--signature",
        metavar="NAME",
        help="Which signature of a SavedModel to import instead of serving_default.",
    )
    trusting = click.option(
        "--trust-pickle",
        is_flag=True,
        help="Unpickle the model, in a process without network: whoever made the file can run "
        "what they like in there.",
    )
    return about(described(choosing(trusting(called))))


@dataclass(frozen=True)
class Opened:
    """A model with the engine that will run it; of a cascade, those that answer last."""

    name: str
    model: Model
    engine: Engine
    preprocessing: Steps | None = None
    bundle: Bundle | None = None
    record: VariantRecord | None = None  # of the bundle

    def compile(self) -> Runner:
        """Return the runner, preprocessing included.

        Raises:
            EngineError: an engine cannot run its graph.
        """
        return prepared(self.compile_ready(), self.preprocessing)

    def compile_ready(self) -> Runner:
        """Return the runner for examples that are preprocessed already.

        Raises:
            EngineError: an engine cannot run its graph.
        """
        if self.bundle is None:
            return self.engine.compile(self.model)
        return self.bundle.compile_ready(self.record)

    @property
    def engine_name(self) -> str:
        """The engine, or "cascade" where there are several."""
        return self.engine.name if self.record is None else self.record.engine

    @property
    def engine_label(self) -> str:
        """The engines with their settings, in the order in which they are asked."""
        if self.record is None:
            return self.engine.label
        return ", then ".join(part.to_engine().label for part in self.record.parts)

    def examples(self, data: str, label: str, preprocess: str | None = None) -> Dataset:
        """Open `--data` for this model, as `open_examples` does."""
        known = None if self.bundle is None else self.preprocessing
        return open_examples(self.model, data, label, preprocess, known)

    @property
    def about(self) -> Mapping[str, str | float | bool]:
        """What a client may want to know: which variant answers, with what promise."""
        chosen = self.record
        if chosen is None:
            return {"engine": self.engine.name}
        found: dict[str, str | float | bool] = {
            "engine": chosen.engine,
            "variant": chosen.variant,
            "certified": chosen.certificate is not None and chosen.certificate.certified,
        }
        if chosen.certificate is not None:
            found |= {
                "metric": chosen.certificate.metric,
                "max_drop": chosen.certificate.max_drop,
                "confidence": chosen.certificate.confidence,
            }
        return found


def open_any(
    path: Path,
    variant: str | None = None,
    how: Importing = Importing(),
) -> Opened:
    """Open a bundle, or a model on ONNX Runtime with its default settings.

    Args:
        path: a bundle's folder, a model as a file or folder, or package.module:function.
        variant: of a bundle; the chosen one when None.
        how: a model is imported.

    Raises:
        BundleError: the bundle is damaged, or has no such variant.
        ModelError: the file is no model.
        SettingError: weights or inputs are given for a bundle, which has them, or a variant for
            a model, which has none.
    """
    if not is_bundle(path) and (not path.is_dir() or is_model(path)):
        if variant is not None:
            raise SettingError("--variant", "a bundle, which has variants", f"{path}, a model")
        model = how.load(path)
        return Opened(path.stem, model, OnnxRuntime(), carried(model))
    if how.builds:
        raise SettingError("--weights and --input", "a model to import", f"{path}, a bundle")
    if how.signature is not None:
        raise SettingError("--signature", "a model to import", f"{path}, a bundle")
    bundle = open_bundle(path)
    manifest = bundle.manifest
    record = manifest.chosen if variant is None else bundle.variant(variant)
    return Opened(
        path.name.removesuffix(".tw"),
        bundle.model(record),
        record.to_engine(),
        bundle.steps,
        bundle,
        record,
    )


def open_examples(
    model: Model,
    data: str,
    label: str,
    preprocess: str | None,
    known: Steps | None = None,
    group: str | None = None,
) -> Dataset:
    """Open `--data` for a model.

    Args:
        model: what the examples are for.
        data: as given on the command line.
        label: the array or column of labels.
        preprocess: as given on the command line; None for what is known or can be derived.
        known: the preprocessing of the bundle that the model comes from; without one the model
            may bring its own, which is left out for examples that need none.
        group: the array or column that says which examples depend on each other.

    Raises:
        DataError: the examples do not fit.
        SettingError: the preprocessing is wrong.
    """
    steps = known
    brought = carried(model) if known is None and preprocess is None else None
    if brought is not None:
        try:
            return open_dataset(
                data, model.signature, label=label, preprocessing=brought, group=group
            )
        except DataError:
            found = _ready_examples(model, data, label, group)
            if found is None:
                raise
            return found
    if preprocess is not None:
        base = Preprocessing.for_spec(image_input(model.signature.inputs))
        steps = Preprocessing.parse(preprocess, base)
    return open_dataset(data, model.signature, label=label, preprocessing=steps, group=group)


def open_unlabelled(
    model: Model, data: str | None, label: str, preprocess: str | None, like: Dataset
) -> Dataset | None:
    """Open `--unlabelled` for a model; its labels are left out where there are any.

    Args:
        model: what the examples are for.
        data: as given on the command line; None for nothing.
        label: the array or column that holds labels, where there is one.
        preprocess: as given on the command line.
        like: the labelled examples, whose preprocessing is used.

    Raises:
        DataError: the examples do not fit.
    """
    if data is None:
        return None
    for name in dict.fromkeys((label, "label")):
        try:
            return open_examples(model, data, name, preprocess, like.preprocessing)
        except DataError:
            if name == "label":  # which need not be there
                raise
    return None


def _ready_examples(model: Model, data: str, label: str, group: str | None) -> Dataset | None:
    """Return examples that are what the model takes already; None where they are not."""
    try:
        found = open_dataset(data, model.signature, label=label, group=group)
    except DataError:
        return None
    return found if found.preprocessing is None else None
