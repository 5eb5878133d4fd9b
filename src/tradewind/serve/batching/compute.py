"""Running the model: the last room before the runner."""

import logging
import time
from collections.abc import Callable, Sequence
from functools import partial

from tradewind.errors import EngineError
from tradewind.runners import Runner
from tradewind.serve.batching.company import Company
from tradewind.serve.batching.threads import Threads
from tradewind.serve.messages import Request, Response
from tradewind.tensors import Array, Tensors

_log = logging.getLogger("tradewind.serve")

_QUICK_S = 1e-4
"""Below this, handing over to a thread and back takes longer than computing."""

_FORGET = 1.02
"""How much a best time grows at each request: one that was five times too good lasts for 80."""

_TRIALS = 3
"""Batches of equal requests that are computed twice before only different ones are."""

Result = Response | BaseException
Finished = Callable[[Sequence[Result]], None]
"""Is given one result for each request, in their order."""


class Compute:
    """Answers with one runner: alone or together, on the event loop where that is quicker.

    Requests of about one size (within a factor of two) are taken to need about the same time.
    The first of a size always goes to a thread, and so does everything that a cascade answers:
    how long it takes depends on the example.
    The best recent time counts, not the mean: times on a thread hold the wait for Python's
    global lock, and under load a quick model would never look quick again.

    Whether answers depend on the company they were computed in cannot be read from a signature.
    So the first batch is computed alone as well, and a model that answers differently is never
    asked about several requests again.

    Args:
        runner: what computes.
        threads: where to compute what takes longer.
        name: of the model, for the log.
        is_joining: whether requests may be computed together at all.
    """

    def __init__(
        self, runner: Runner, threads: Threads, name: str = "", *, is_joining: bool = True
    ) -> None:
        self.company = Company(runner.signature, is_wanted=is_joining)
        self._name = name
        self._runner = runner
        self._threads = threads
        self._varies = len(runner.answered) > 1
        self._best_s: dict[int, float] = {}  # by the number of bits in the size of the request
        self._trials = 0
        self._is_trusted = False

    def at_once(self, request: Request) -> Response | None:
        """Return the answer if it can be had without a thread.

        Raises:
            EngineError: the model broke.
        """
        size = request.size_bytes.bit_length()
        best_s = self._best_s.get(size, 1.0)
        if best_s >= _QUICK_S or self._varies:
            return None
        began = time.perf_counter()
        outputs = self._runner(request.inputs)
        took = time.perf_counter() - began
        self._best_s[size] = min(took, best_s * _FORGET)
        rows = self.company.rows(request.inputs)
        return Response(outputs, began - request.arrival.at_s, took, rows)

    def start(self, requests: Sequence[Request], finished: Finished) -> None:
        """Compute requests on a thread, together if there are several."""

        def then(results: Sequence[Result] | None, error: BaseException | None) -> None:
            if results is None:
                results = [error or RuntimeError("nothing")] * len(requests)
            elif len(results) == 1 and isinstance(results[0], Response):
                self._learn(requests[0].size_bytes.bit_length(), results[0].compute_s)
            finished(results)

        job = partial(self._alone, requests[0]) if len(requests) == 1 else None
        self._threads.submit(job or partial(self._together, requests), then)

    def _learn(self, size: int, took_s: float) -> None:
        self._best_s[size] = min(took_s, self._best_s.get(size, took_s) * _FORGET)

    def _alone(self, request: Request) -> list[Result]:
        began = time.perf_counter()
        try:
            outputs = self._runner(request.inputs)
        except Exception as error:
            return [error]
        took = time.perf_counter() - began
        rows = self.company.rows(request.inputs)
        return [Response(outputs, began - request.arrival.at_s, took, rows)]

    def _together(self, requests: Sequence[Request]) -> list[Result]:
        began = time.perf_counter()
        try:
            answers, rows = self._joined([request.inputs for request in requests])
        except Exception:  # one bad request must not fail its company
            return [result for request in requests for result in self._alone(request)]
        took = time.perf_counter() - began
        return [
            Response(outputs, began - request.arrival.at_s, took, rows)
            for request, outputs in zip(requests, answers, strict=True)
        ]

    def _joined(self, inputs: Sequence[Tensors]) -> tuple[list[dict[str, Array]], int]:
        """Return the answer to each request, with the number of examples computed together."""
        joined = self.company.join(inputs)
        counts = self.company.counts(inputs)
        outputs = self._runner(joined)
        try:
            answers = self.company.split(outputs, counts)
        except EngineError as error:
            self._forbid(str(error))
            raise
        if not self._is_trusted:
            self._examine(inputs, answers)
        return answers, sum(counts)

    def _examine(self, inputs: Sequence[Tensors], answers: Sequence[Tensors]) -> None:
        """Compare the answers with those that each request gets alone.

        Raises:
            EngineError: they differ.
        """
        tells_apart = self.company.tells_apart(inputs)
        if not tells_apart and self._trials >= _TRIALS:
            return
        for one, together in zip(inputs, answers, strict=True):
            name = self.company.difference(self._runner(one), together)
            if name is not None:
                self._forbid(f"{name} is another one in company")
                raise EngineError(name, "the same answer alone and in company", "another")
        self._trials += 1
        self._is_trusted = tells_apart

    def _forbid(self, why: str) -> None:
        self.company.is_possible = False
        _log.warning("model %s is asked about one request at a time: %s", self._name, why)
