"""The SIZE limit (RFC 1870): how EHLO announces the limit, and how a larger message is refused.

The limit is `message_size` of the session's Extensions: that of the listener (`limits.message_size`
of the settings) or, on a proxy, the smaller one of the proxy and the server behind the proxy. A
message is refused at MAIL when the declared size exceeds the limit, and at the end of its content
when the octets that arrived do (without stuffed dots).
"""

from __future__ import annotations

from mailhost.interfaces.extensions import Extensions
from mailhost.message.status import Status

TOO_LARGE = Status(552, "5.3.4", "The message is larger than the SIZE limit in the reply to EHLO")


def size_keyword(extensions: Extensions) -> str:
    """Return the line of the reply to EHLO that announces the limit."""
    return f"SIZE {extensions.message_size}"


def refusal_of_size(octets: int, limit: int) -> Status | None:
    """Return the refusal of a message of so many octets, None where the limit allows it."""
    return TOO_LARGE if octets > limit else None
