"""HTTP/1.1 on the event loop, from bytes to visits.

From the outside in: `connection` (one socket) -> `head` and `chunks` (what is written on it) ->
`turn` (one request) -> the application. `replies` writes the heads of responses, `site` is what all
connections of a port share.
"""

from tradewind.serve.wire.http.connection import Connection
from tradewind.serve.wire.http.site import Limits, Site

__all__ = ["Connection", "Limits", "Site"]
