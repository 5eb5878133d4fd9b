"""A bundle read back: checked against its seal, then ready to answer."""

from dataclasses import dataclass
from pathlib import Path

from tradewind.bundle.manifest import Manifest, StageRecord, VariantRecord, read_manifest
from tradewind.bundle.seal import NAME, damages
from tradewind.bundle.writing import MANIFEST
from tradewind.data import Steps, Tokenization, image_input
from tradewind.engines import compile_stages
from tradewind.errors import BundleError, SettingError
from tradewind.measure import this_machine
from tradewind.model import Model, Origin
from tradewind.runners import Preprocessed, Runner, Tokenized


@dataclass(frozen=True)
class Bundle:
    """A folder that says how a model is run, with the evidence."""

    folder: Path
    manifest: Manifest

    def model(self, record: VariantRecord) -> Model:
        """Return the graph of a variant, of a cascade that of the stage that answers last.

        Raises:
            BundleError: it was not kept, or cannot be read.
        """
        return self._read(record, record.parts[-1])

    def models(self, record: VariantRecord) -> tuple[Model, ...]:
        """Return the graphs of all stages of a variant, of one that is no cascade the only one.

        Raises:
            BundleError: one was not kept, or cannot be read.
        """
        return tuple(self._read(record, part) for part in record.parts)

    def compile(self, record: VariantRecord | None = None) -> Runner:
        """Return the runner of a variant, by default the chosen one, preprocessing included.

        Raises:
            BundleError: the variant was not kept, or needs an engine that is not here.
            EngineError: the engine cannot run it on this machine.
        """
        return prepared(self.compile_ready(record), self.steps)

    def compile_ready(self, record: VariantRecord | None = None) -> Runner:
        """Return the runner of a variant for examples that are preprocessed already.

        Raises:
            BundleError: the variant was not kept, or needs an engine that is not here.
            EngineError: the engine cannot run it on this machine.
        """
        found = record or self.manifest.chosen
        stages = [(self._read(found, part), part.to_engine()) for part in found.parts]
        rules = [part.rule.to_rule() for part in found.parts if part.rule is not None]
        try:
            return compile_stages(stages, rules)
        except SettingError as error:
            where = f"{self.folder}: {found.variant}"
            raise BundleError(where, "stages that fit each other", f"{error}") from error

    def _read(self, record: VariantRecord, part: StageRecord) -> Model:
        if part.model is None:
            raise BundleError(
                f"{self.folder}: {record.variant}", "a variant that was kept", "one that was not"
            )
        path = self._inside(part.model)
        return Model(_read(path), Origin(self.manifest.source.framework, part.model))

    @property
    def steps(self) -> Steps | None:
        """What is done to raw examples.

        Raises:
            BundleError: a file that it needs cannot be read.
        """
        record = self.manifest.tokenization
        if record is None:
            return self.manifest.preprocessing
        return record.to_tokenization(_read(self._inside(record.file)).decode())

    def texts(self) -> dict[str, str]:
        """Return the files that belong to the bundle besides its graphs and its record.

        Raises:
            BundleError: one cannot be read.
        """
        record = self.manifest.tokenization
        return {} if record is None else {record.file: _read(self._inside(record.file)).decode()}

    def _inside(self, name: str) -> Path:
        path = self.folder / name
        if not path.resolve().is_relative_to(self.folder.resolve()):
            raise BundleError(f"{self.folder}: model", "a file inside the bundle", name)
        return path

    def variant(self, name: str) -> VariantRecord:
        """Return the record of the variant called `name`.

        Raises:
            BundleError: there is none.
        """
        for record in self.manifest.variants:
            if record.variant == name:
                return record
        kept = ", ".join(one.variant for one in self.manifest.variants if one.is_kept)
        raise BundleError(f"{self.folder}: variant", f"one of {kept}", name)

    def doubts(self) -> list[str]:
        """Say in words why the certificate may not hold on this machine; empty when it does."""
        return self.manifest.hardware.differences(this_machine())


def prepared(runner: Runner, preprocessing: Steps | None) -> Runner:
    """Return a runner that takes raw examples where a preprocessing belongs to the model."""
    if preprocessing is None:
        return runner
    if isinstance(preprocessing, Tokenization):
        return Tokenized(runner, preprocessing)
    return Preprocessed(runner, preprocessing, image_input(runner.signature.inputs).name)


def is_bundle(path: Path) -> bool:
    """Say whether there is a sealed folder at `path`."""
    return (path / NAME).is_file()


def open_bundle(folder: str | Path) -> Bundle:
    """Open a bundle after comparing every byte with its seal.

    Raises:
        BundleError: it is missing, damaged or of a newer schema.
    """
    folder = Path(folder)
    if not folder.exists():
        raise BundleError(str(folder), "a bundle", "nothing there")
    if not folder.is_dir():
        raise BundleError(str(folder), "a folder", "a file")
    found = damages(folder)
    if found:
        raise BundleError(
            str(folder),
            "every byte as it was written",
            "; ".join(found),
            "copy the bundle again, or make it anew with `tradewind optimize`.",
        )
    return Bundle(folder, read_manifest(_read(folder / MANIFEST), f"{folder}/{MANIFEST}"))


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise BundleError(str(path), "a readable file", error.strerror or str(error)) from error
