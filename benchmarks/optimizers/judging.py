"""What was made, judged on examples that no optimizer has seen."""

from pathlib import Path

import msgspec
import numpy as np
from benchmarks.optimizers.artefacts import Setting, opened
from benchmarks.optimizers.peers import Peer
from benchmarks.optimizers.prepared import CONFIDENCE, MAX_DROP, Prepared
from benchmarks.optimizers.records import Verdict

from tradewind.evidence import (
    PairedCounts,
    PairedLosses,
    certify_agreement,
    certify_losses,
    certify_with_labels,
)
from tradewind.measure import collect
from tradewind.runners import Runner
from tradewind.tensors import Array

BATCH = 64


class Judge:
    """Compares answers on the certify split with those of the original.

    Args:
        prepared: the model with its examples.
    """

    def __init__(self, prepared: Prepared) -> None:
        self._prepared = prepared
        self._indices = np.random.default_rng((prepared.seed, 1)).permutation(
            prepared.splits.certify
        )
        path = prepared.folder / f"certify-{prepared.splits.digest[:8]}.npy"
        if not path.exists():
            np.save(path, prepared.original(self._indices))
        self._original: Array = np.load(path)

    def verdict(self, runner: Runner, size: int) -> Verdict:
        """Return the verdict on what a runner answers.

        Args:
            runner: what answers.
            size: the batch size that it takes; fewer examples are filled up.
        """
        prepared = self._prepared
        metric, labels = prepared.metric, prepared.dataset.labels
        batches = prepared.dataset.batches(self._indices, size)
        answers = collect(runner, batches, metric, size)
        has_truth = metric.takes_labels and labels is not None
        truth = labels[self._indices] if has_truth and labels is not None else self._original
        before, after = metric.losses(self._original, truth), metric.losses(answers, truth)
        if not metric.is_exact:
            losses = PairedLosses(after - before)
            found = certify_losses(losses, MAX_DROP, CONFIDENCE, metric.name)
        elif has_truth:
            counts = PairedCounts.from_correct(before < 0.5, after < 0.5)
            found = certify_with_labels(counts, MAX_DROP, CONFIDENCE, metric.name)
        else:
            wrong = int((after >= 0.5).sum())
            found = certify_agreement(wrong, len(after), MAX_DROP, CONFIDENCE, metric.name)
        return Verdict(found.certified, found.drop, found.drop_upper, found.n)

    def of_file(self, peer: Peer, file: Path, *, is_reused: bool) -> Verdict:
        """Return the verdict on a file, which is asked only once where that is allowed."""
        record = self._prepared.folder / f"verdict-{peer.name}.json"
        key = f"{self._prepared.splits.digest}-{file.stat().st_mtime_ns}"
        if is_reused and record.exists():
            known, found = msgspec.json.decode(record.read_bytes(), type=tuple[str, Verdict])
            if known == key:
                return found
        size = self._prepared.model.signature.fixed_batch or BATCH
        signature = self._prepared.model.signature
        # threads that wait for each other busily are slow where other programs run
        with opened(file, signature, Setting(peer.runtime, size, threads=1)) as runner:
            found = self.verdict(runner, size)
        record.write_bytes(msgspec.json.encode((key, found)))
        return found
