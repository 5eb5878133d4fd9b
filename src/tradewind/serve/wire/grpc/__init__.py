"""The Open Inference Protocol over gRPC.

HTTP/2 is spoken here rather than by a library: in Python there is one that is written for servers
of any kind, which takes eight times as long for a request. From the outside in: `connection`
(frames) -> `calls` (streams, windows, deadlines) -> `inference` and `services` (messages).
"""

from tradewind.serve.wire.grpc.assembling import Services, site_of
from tradewind.serve.wire.grpc.listening import GrpcListener
from tradewind.serve.wire.grpc.site import Site

__all__ = ["GrpcListener", "Services", "Site", "site_of"]
