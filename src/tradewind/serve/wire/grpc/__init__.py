"""The Open Inference Protocol over gRPC.

HTTP/2 is spoken here rather than by a library: in Python there is one that is written for servers
of any kind, which takes eight times as long for a request. From the outside in: `connection`
(frames) -> `calls` (streams, windows, deadlines) -> `inference` and `services` (messages).
"""

from tradewind.serve.wire.grpc.assembling import site_of
from tradewind.serve.wire.grpc.listening import GrpcListener

__all__ = ["GrpcListener", "site_of"]
