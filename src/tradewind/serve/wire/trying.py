"""The page on which a person tries the models."""

import base64
import hashlib
import re
from functools import cache
from importlib.resources import files

from tradewind.serve.wire.route import Reply


@cache
def page_to_try() -> Reply:
    """Return the page, which loads nothing but this server's own description.

    The browser is told to run and to style only what stands in the page.
    """
    page = files("tradewind.serve.wire").joinpath("page.html").read_text(encoding="utf-8")
    policy = (
        "default-src 'none'; connect-src 'self'; base-uri 'none'; form-action 'none'; "
        f"frame-ancestors 'none'; img-src blob:; script-src {_digest(page, 'script')}; "
        f"style-src {_digest(page, 'style')}"
    )
    headers = (
        ("content-security-policy", policy),
        ("referrer-policy", "no-referrer"),
        ("x-content-type-options", "nosniff"),
    )
    return Reply(200, "text/html; charset=utf-8", page.encode(), headers)


def _digest(page: str, tag: str) -> str:
    """Return what the only element of this name holds, as a policy names it."""
    [content] = re.findall(rf"<{tag}>(.*?)</{tag}>", page, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
    return f"'sha256-{digest}'"
