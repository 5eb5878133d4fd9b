"""What both clients know: how questions are put, and how long they are of use."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from tradewind.client.asking import Language, Question, Received, Scalar, Sent
from tradewind.client.errors import Refused
from tradewind.client.grpc import Grpc
from tradewind.client.lines import Address
from tradewind.client.rest import Rest
from tradewind.client.retrying import Retries, read_retry_after
from tradewind.errors import RequestError
from tradewind.tensors import Array


class Asker:
    """Everything about asking but the wait for the answer.

    Args:
        address: of the server.
        token: sent with everything, when it is given.
        retries: what happens when the server says when to come back.
        timeout_s: for one answer, tries and waits included.
    """

    def __init__(self, address: Address, token: str, retries: Retries, timeout_s: float) -> None:
        self._url = address.url
        self._language: Language = Grpc() if address.is_grpc else Rest()
        self._headers = {"authorization": f"Bearer {token}"} if token else {}
        self._retries = retries
        self._timeout_s = timeout_s
        self._only_inputs: dict[str, str] = {}

    def _limit(self, timeout_s: float | None) -> float:
        return time.perf_counter() + (self._timeout_s if timeout_s is None else timeout_s)

    def _question(
        self,
        model: str,
        inputs: Mapping[str, Array],
        outputs: Sequence[str],
        version: str,
        parameters: Mapping[str, Scalar] | None,
        request_id: str,
    ) -> Question:
        return Question(model, inputs, version, outputs, parameters or {}, request_id)

    def _sent(self, question: Question, limit_s: float, *, is_streamed: bool = False) -> Sent:
        """Write a question; the server learns how long its answer is of use."""
        if "timeout" not in question.parameters:
            left_us = int(max(0.0, limit_s - time.perf_counter()) * 1e6)
            told = {**question.parameters, "timeout": max(1, left_us)}
            question = replace(question, parameters=told)
        if is_streamed:
            return self._language.stream(question)
        return self._language.infer(question)

    def _pause_s(self, received: Received, tried: int, limit_s: float) -> float | None:
        """Return how long to wait before the next try; None when this is the answer."""
        if not received.may_retry:
            return None
        asked_s = read_retry_after(received.headers.get("retry-after"))
        return self._retries.wait_s(tried, asked_s, limit_s - time.perf_counter())

    def _checked(self, what: str, received: Received) -> Received:
        if received.status:
            asked_s = read_retry_after(received.headers.get("retry-after"))
            raise Refused(f"{self._url} {what}", received.status, received.message, asked_s)
        return received

    def _only_input(self, model: str, version: str, told: Mapping[str, Any]) -> str:
        names = [str(one["name"]) for one in told["inputs"]]
        if len(names) != 1:
            raise RequestError(
                "inputs", f"arrays by name: {', '.join(names)}", "one array without a name"
            )
        self._only_inputs[f"{model}/{version}"] = names[0]
        return names[0]
