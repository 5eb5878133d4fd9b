"""Running the model: the last answer in the chain."""

import time
from functools import partial

from tradewind.runners import Runner
from tradewind.serve.batching.threads import Threads
from tradewind.serve.messages import Request, Response
from tradewind.tensors import Array, Tensors

_QUICK_S = 1e-4
"""Below this, handing over to a thread and back takes longer than computing."""

_FORGET = 1.02
"""How much a best time grows at each request: one that was five times too good lasts for 80."""


class Compute:
    """Answers with one runner, on the event loop when that is quicker than on a thread.

    Requests of about one size (within a factor of two) are taken to need about the same time.
    The first of a size always goes to a thread, and so does everything that a cascade answers:
    how long it takes depends on the example.
    The best recent time counts, not the mean: times on a thread hold the wait for Python's
    global lock, and under load a quick model would never look quick again.

    Args:
        runner: what computes.
        threads: where to compute what takes longer.
    """

    def __init__(self, runner: Runner, threads: Threads) -> None:
        self._runner = runner
        self._threads = threads
        self._varies = len(runner.answered) > 1
        self._best_s: dict[int, float] = {}  # by the number of bits in the size of the request

    async def __call__(self, request: Request) -> Response:
        arrival = request.arrival
        started = time.perf_counter()
        size = request.size_bytes.bit_length()
        if not self._varies and self._best_s.get(size, 1.0) < _QUICK_S:
            outputs = self._runner(request.inputs)
            took = time.perf_counter() - started
        else:
            outputs, began, took = await self._threads.run(partial(self._timed, request.inputs))
            started = began
        self._best_s[size] = min(took, self._best_s.get(size, took) * _FORGET)
        return Response(outputs, started - arrival.at_s, took)

    def _timed(self, inputs: Tensors) -> tuple[dict[str, Array], float, float]:
        began = time.perf_counter()
        outputs = self._runner(inputs)
        return outputs, began, time.perf_counter() - began
