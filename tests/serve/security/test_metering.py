import asyncio
from typing import Any

import numpy as np
import pytest

from tradewind.serve.messages import Arrival, Request, Response
from tradewind.serve.refusals import Reason, Refusal
from tradewind.serve.security import Metered
from tradewind.serve.security.limits import Allowances, Limits
from tradewind.tensors import Array


async def never() -> None:
    await asyncio.get_running_loop().create_future()


def request(client: str, **inputs: Array) -> Request:
    return Request("", inputs, (), {}, 0, None, Arrival(0.0, never, client))


async def answered(_: Request) -> Response:
    return Response({}, 0.0, 0.0)


def test_examples_are_counted_against_whoever_sent_them() -> None:
    allowances = Allowances()
    allowances.of("a", Limits(examples_per_day=10))
    metered = Metered(answered, allowances)

    def ask(client: str, examples: int) -> Any:
        return asyncio.run(metered(request(client, x=np.zeros((examples, 3)))))

    ask("a", 6)
    with pytest.raises(Refusal) as caught:
        ask("a", 5)
    assert caught.value.reason is Reason.RATE_LIMITED
    ask("a", 4)
    ask("b", 1000)


def test_a_model_without_a_batch_takes_one_example() -> None:
    allowances = Allowances()
    allowances.of("a", Limits(examples_per_day=1))
    asyncio.run(Metered(answered, allowances)(request("a", x=np.array(1.0))))
    with pytest.raises(Refusal):
        asyncio.run(Metered(answered, allowances)(request("a", x=np.array(1.0))))


def test_what_is_refused_further_in_is_not_counted() -> None:
    allowances = Allowances()
    allowances.of("a", Limits(examples_per_day=1))

    async def full(_: Request) -> Response:
        raise Refusal(Reason.QUEUE_FULL, "queue", "room", "none")

    for _ in range(3):
        with pytest.raises(Refusal, match="queue"):
            asyncio.run(Metered(full, allowances)(request("a", x=np.zeros((1, 1)))))
