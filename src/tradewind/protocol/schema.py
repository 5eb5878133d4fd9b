"""The messages of every service, from the `.proto` files in `protos`.

`schema.binpb` is made of them by

    python -m grpc_tools.protoc -I. --descriptor_set_out=schema.binpb *.proto
"""

from functools import cache
from pathlib import Path
from typing import Any

from tradewind.errors import RequestError

COMPILED = Path(__file__).parent / "protos" / "schema.binpb"


@cache
def pool() -> Any:
    """Return the descriptors, apart from those of other users of protobuf in this process."""
    from google.protobuf import descriptor_pb2, descriptor_pool  # only where gRPC is spoken

    found = descriptor_pool.DescriptorPool()
    files = descriptor_pb2.FileDescriptorSet.FromString(COMPILED.read_bytes())
    for file in files.file:
        found.Add(file)
    return found


@cache
def message_type(name: str) -> Any:
    """Return the class of a message by its full name."""
    from google.protobuf import message_factory

    return message_factory.GetMessageClass(pool().FindMessageTypeByName(name))


def parse(name: str, content: bytes | bytearray | memoryview) -> Any:
    """Return the message called `name` that some bytes hold.

    Raises:
        RequestError: they hold none.
    """
    from google.protobuf.message import DecodeError

    try:
        return message_type(name).FromString(bytes(content))
    except DecodeError as error:
        raise RequestError("message", f"a {name}", str(error)) from error


def write(name: str, told: dict[str, Any]) -> list[bytes]:
    """Return the message called `name`; fields that it does not have are left out."""
    from google.protobuf import json_format

    message = json_format.ParseDict(told, message_type(name)(), ignore_unknown_fields=True)
    return [message.SerializeToString()]
