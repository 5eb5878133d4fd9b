"""grpc.reflection: the schema of the server, for tools that do not have it."""

from typing import Any

from tradewind.protocol import schema
from tradewind.serve.wire.grpc.call import Call, Method
from tradewind.serve.wire.grpc.messages import unpack
from tradewind.serve.wire.grpc.status import Code

_MAX_BYTES = 2**16


class Reflection:
    """Answers in one version of the protocol; both have the same messages.

    Args:
        package: `grpc.reflection.v1` or its forerunner.
        services: the full names of the server's services.
    """

    def __init__(self, package: str, services: tuple[str, ...]) -> None:
        self._package = package
        self._services = services

    def methods(self) -> dict[str, Method]:
        """Return every method by its name."""
        return {"ServerReflectionInfo": Method(converse=self._converse)}

    async def _converse(self, call: Call) -> None:
        while (message := await call.receive()) is not None:
            content = unpack(message, call.head.encoding, _MAX_BYTES)
            call.line.release(message.held_bytes)
            asked = schema.parse(f"{self._package}.ServerReflectionRequest", content)
            reply = schema.message_type(f"{self._package}.ServerReflectionResponse")()
            reply.valid_host = asked.host
            reply.original_request.CopyFrom(asked)
            self._tell(asked, reply)
            await call.send([reply.SerializeToString()])

    def _tell(self, asked: Any, reply: Any) -> None:
        kind = asked.WhichOneof("message_request")
        try:
            if kind == "list_services":
                for name in self._services:
                    reply.list_services_response.service.add().name = name
            elif kind == "file_by_filename":
                self._add(reply, schema.pool().FindFileByName(asked.file_by_filename))
            elif kind == "file_containing_symbol":
                symbol = asked.file_containing_symbol
                self._add(reply, schema.pool().FindFileContainingSymbol(symbol))
            elif kind == "all_extension_numbers_of_type":
                name = asked.all_extension_numbers_of_type
                schema.pool().FindMessageTypeByName(name)
                reply.all_extension_numbers_response.base_type_name = name
            else:
                _say_unknown(reply, kind)
        except KeyError:
            _say_unknown(reply, kind)

    def _add(self, reply: Any, file: Any) -> None:
        reply.file_descriptor_response.file_descriptor_proto.append(file.serialized_pb)


def _say_unknown(reply: Any, kind: str | None) -> None:
    reply.error_response.error_code = Code.NOT_FOUND
    reply.error_response.error_message = f"nothing of this server: {kind or 'no wish'}"
