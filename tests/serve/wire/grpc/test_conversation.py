"""Many answers on one call, to clients that read slowly or not at all."""

import asyncio
from collections.abc import Awaitable, Coroutine
from types import SimpleNamespace
from typing import Any, cast, final

from tradewind.errors import RequestError
from tradewind.protocol import schema
from tradewind.protocol.infer_messages import InferRequest
from tradewind.serve.refusals import Reason, Refusal
from tradewind.serve.wire.grpc.call import Call, Parts
from tradewind.serve.wire.grpc.conversation import Conversation, Tell
from tradewind.serve.wire.grpc.messages import Message


@final
class Client:
    """One call whose client sends numbers, and reads what it is let."""

    def __init__(self, *asked: bytes) -> None:
        self.asked = list(asked)
        self.told: list[Any] = []
        self.may_read = asyncio.Semaphore(0)
        self.hangs_up = asyncio.Event()
        self.is_closed = False
        self.held_bytes = 0
        self.running = 0
        self.head = SimpleNamespace(path="/stream")
        self.line = self

    async def receive(self) -> Message | None:
        if not self.asked:
            return None
        content = self.asked.pop(0)
        self.held_bytes += len(content)
        return cast(Message, SimpleNamespace(content=content, held_bytes=len(content)))

    async def send(self, parts: Parts) -> None:
        await self.may_read.acquire()
        read = schema.message_type("inference.ModelStreamInferResponse").FromString
        self.told.append(read(b"".join(parts)))

    def gone(self) -> Awaitable[None]:
        return asyncio.ensure_future(self._gone())

    async def _gone(self) -> None:
        await self.hangs_up.wait()

    def release(self, held_bytes: int) -> None:
        self.held_bytes -= held_bytes

    def begin(self) -> None:
        self.running += 1

    def done(self) -> None:
        self.running -= 1


@final
class Counter:
    """Counts to what it is asked for, one answer for each number."""

    def __init__(self) -> None:
        self.counted: list[int] = []
        self.refused: list[Reason] = []

    async def read(self, _: Call, message: Message) -> InferRequest:
        if not message.content.isdigit():
            raise RequestError("message", "a number", "something else")
        sequence = {"sequence_id": 1}
        return InferRequest("m", "", str(int(message.content)), sequence, [], [], [])

    async def infer(self, _: Call, sent: InferRequest, size_bytes: int, tell: Tell) -> Parts:
        last = int(sent.id)
        try:
            for number in range(1, last + 1):
                self.counted.append(number)
                answer = schema.message_type("inference.ModelInferResponse")(id=str(number))
                if number == last:
                    return [answer.SerializeToString()]
                await tell([answer.SerializeToString()])
        except Refusal as refusal:
            self.refused.append(refusal.reason)
            raise
        raise AssertionError


def run(story: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(story, 30))


def conversation(client: Client, counter: Counter) -> Conversation:
    return Conversation(cast(Call, client), counter.read, counter.infer)


def test_answers_come_in_the_order_of_their_requests() -> None:
    async def story() -> None:
        client, counter = Client(b"3", b"x", b"2"), Counter()
        client.may_read = asyncio.Semaphore(100)
        await conversation(client, counter).run()
        told = [one.infer_response.id or one.error_message for one in client.told]
        assert told == ["1", "2", "3", "message: expected a number, got something else.", "1", "2"]
        assert (client.held_bytes, client.running) == (0, 0)

    run(story())


def test_no_more_is_computed_than_a_slow_client_has_room_for() -> None:
    async def story() -> None:
        client, counter = Client(b"1000"), Counter()
        running = asyncio.create_task(conversation(client, counter).run())
        for _ in range(50):
            await asyncio.sleep(0)
        ahead = len(counter.counted)
        assert ahead < 10
        client.may_read.release()
        for _ in range(50):
            await asyncio.sleep(0)
        assert len(counter.counted) == ahead + 1
        for _ in range(999):
            client.may_read.release()
        await running
        assert [one.infer_response.id for one in client.told] == [str(n) for n in range(1, 1001)]

    run(story())


def test_a_client_that_hangs_up_ends_what_waits_to_be_sent() -> None:
    async def story() -> None:
        client, counter = Client(b"1000", b"5"), Counter()
        running = asyncio.create_task(conversation(client, counter).run())
        for _ in range(50):
            await asyncio.sleep(0)
        running.cancel()
        client.is_closed = True
        client.hangs_up.set()
        for _ in range(50):
            await asyncio.sleep(0)
        # the second request of the sequence learns so as well, as soon as it is its turn
        assert counter.refused == [Reason.CLIENT_GONE, Reason.CLIENT_GONE]
        assert len(counter.counted) < 10
        assert (client.held_bytes, client.running) == (0, 0)

    run(story())
