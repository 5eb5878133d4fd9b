"""Server-sent events: answers to one request, one after the other (WHATWG HTML, section 9.2)."""

from tradewind.serve.wire.visit import Headers

EVENTS: Headers = (
    ("content-type", "text/event-stream"),
    ("cache-control", "no-store"),
    ("x-accel-buffering", "no"),  # proxies of the kind of nginx would collect them first
)
"""The headers of a response that is a stream of events."""


def event(text: bytes, name: str = "") -> bytes:
    """Return one event.

    Args:
        text: JSON, which has no line breaks.
        name: of the kind of event; empty for the usual one.
    """
    head = f"event: {name}\n".encode() if name else b""
    return b"%bdata: %b\n\n" % (head, text)
