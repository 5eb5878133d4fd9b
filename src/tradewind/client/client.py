"""Asking a server for answers in numpy arrays."""

import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, final

from tradewind.client.asker import Asker
from tradewind.client.asking import Received, Scalar, Sent
from tradewind.client.grpc_lines import GrpcLine
from tradewind.client.http_lines import HttpLine
from tradewind.client.lines import Address, Line
from tradewind.client.retrying import Retries
from tradewind.client.steps import Steps
from tradewind.tensors import Array

_PATIENT = Retries()


@final
class Client(Asker):
    """Asks one server, from any thread.

    >>> client = tradewind.Client("http://127.0.0.1:8000")
    >>> client.infer("model", {"x": array})["y"]

    Args:
        url: such as `http://127.0.0.1:8000`, `https://…`, `grpc://127.0.0.1:8001`, `grpcs://…`.
        token: sent with everything, when it is given.
        retries: what happens when the server says when to come back.
        timeout_s: for one answer, tries and waits included.
        ca: authorities in PEM that a server's certificate may be of; those of the system if none.
        line: what carries messages; made from the URL.
    """

    def __init__(
        self,
        url: str,
        *,
        token: str = "",
        retries: Retries = _PATIENT,
        timeout_s: float = 60.0,
        ca: Path | None = None,
        line: Line | None = None,
    ) -> None:
        address = Address.parse(url, ca)
        super().__init__(address, token, retries, timeout_s)
        self._line = line or (GrpcLine(address) if address.is_grpc else HttpLine(address))

    def infer(
        self,
        model: str,
        inputs: Mapping[str, Array] | Array,
        *,
        outputs: Sequence[str] = (),
        version: str = "",
        parameters: Mapping[str, Scalar] | None = None,
        request_id: str = "",
        timeout_s: float | None = None,
    ) -> dict[str, Array]:
        """Return what a model answers, by the names of its outputs.

        Args:
            model: its name.
            inputs: arrays by name, or one for a model with one input; strings are of dtype object.
            outputs: those that are wanted; all when there are none.
            version: the one that the server prefers when it is empty.
            parameters: of the request, such as `priority`.
            request_id: for the logs of the server.
            timeout_s: for the answer, tries and waits included.

        Raises:
            Refused: the server gives no answer.
            Unanswered: there is no server, or it is silent.
        """
        limit_s = self._limit(timeout_s)
        if not isinstance(inputs, Mapping):
            inputs = {self._input_of(model, version): inputs}
        question = self._question(model, inputs, outputs, version, parameters, request_id)
        tried = 0
        while True:
            tried += 1
            received = self._once(self._sent(question, limit_s), limit_s)
            pause_s = self._pause_s(received, tried, limit_s)
            if pause_s is None:
                return self._language.read_answer(self._checked(model, received))
            time.sleep(pause_s)

    def stream(
        self,
        model: str,
        inputs: Mapping[str, Array] | Array,
        *,
        outputs: Sequence[str] = (),
        version: str = "",
        parameters: Mapping[str, Scalar] | None = None,
        request_id: str = "",
        timeout_s: float | None = None,
    ) -> Generator[dict[str, Array], None, None]:
        """Yield each answer of a model that gives several, as soon as it is there.

        The server computes no more when nobody waits for the next one: close what is returned,
        or leave it to the collector.

        Args:
            model: as `infer` takes it, like all others.
            inputs: arrays by name, or one for a model with one input.
            outputs: those that are wanted; all when there are none.
            version: the one that the server prefers when it is empty.
            parameters: of the request.
            request_id: for the logs of the server.
            timeout_s: for each answer; over gRPC, for all of them.

        Raises:
            Refused: the server gives no answer, or no further one.
            Unanswered: there is no server, or it is silent.
        """
        limit_s = self._limit(timeout_s)
        if not isinstance(inputs, Mapping):
            inputs = {self._input_of(model, version): inputs}
        question = self._question(model, inputs, outputs, version, parameters, request_id)
        tried, pause_s = 0, None
        while tried == 0 or pause_s is not None:
            time.sleep(pause_s or 0.0)
            tried, pause_s = tried + 1, None
            sent = self._sent(question, limit_s, is_streamed=True)
            left_s = max(0.001, limit_s - time.perf_counter())
            is_first = True
            with closing(self._line.stream(sent, self._headers, left_s)) as pieces:
                for received in pieces:
                    pause_s = self._pause_s(received, tried, limit_s) if is_first else None
                    if pause_s is not None:
                        break
                    is_first = False
                    yield self._language.read_answer(self._checked(model, received))

    def sequence(self, model: str, version: str = "") -> Steps:
        """Begin a sequence of requests to a model that remembers; it ends with the block.

        >>> with client.sequence("speech") as sequence:
        ...     answers = [sequence.infer({"x": chunk})["y"] for chunk in chunks]
        """
        return Steps(
            partial(self.infer, model, version=version),
            partial(self.stream, model, version=version),
        )

    def is_ready(self, model: str = "", version: str = "") -> bool:
        """Say whether the server, or one of its models, takes requests."""
        limit_s = self._limit(None)
        return self._language.read_ready(
            self._once(self._language.is_ready(model, version), limit_s)
        )

    def metadata(self, model: str, version: str = "") -> dict[str, Any]:
        """Return the inputs and outputs of a model, as the protocol tells them.

        Raises:
            Refused: there is no such model.
        """
        received = self._once(self._language.metadata(model, version), self._limit(None))
        return self._language.read_metadata(self._checked(model, received))

    def models(self) -> list[dict[str, Any]]:
        """Return name, version and state of every model of the server."""
        received = self._once(self._language.index(), self._limit(None))
        return self._language.read_index(self._checked("models", received))

    def load(self, model: str, **parameters: Scalar) -> None:
        """Have the server load a model, or load it again.

        Raises:
            Refused: it cannot, or the caller may not.
        """
        sent = self._language.manage(model, "load", parameters)
        self._checked(model, self._once(sent, self._limit(None)))

    def unload(self, model: str) -> None:
        """Have the server stop answering for a model.

        Raises:
            Refused: it cannot, or the caller may not.
        """
        sent = self._language.manage(model, "unload", {})
        self._checked(model, self._once(sent, self._limit(None)))

    def close(self) -> None:
        """Hang up."""
        self._line.close()

    def __enter__(self) -> "Client":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _once(self, sent: Sent, limit_s: float) -> Received:
        left_s = max(0.001, limit_s - time.perf_counter())
        return self._line.send(sent, self._headers, left_s)

    def _input_of(self, model: str, version: str) -> str:
        known = self._only_inputs.get(f"{model}/{version}")
        return known or self._only_input(model, version, self.metadata(model, version))
