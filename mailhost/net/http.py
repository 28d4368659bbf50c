"""Recognises HTTP requests that a web browser was made to send to a mail port.

A web page can make a browser POST to any host and port. The lines of the request's body would be
read as commands from an address inside the network, so a session that receives HTTP ends at once.
"""

from __future__ import annotations

import re

from mailhost.message.status import Status

NO_HTTP = Status(500, "5.5.1", "This is a mail server, and does not speak HTTP; goodbye")
# A method that browsers send, or any request line (RFC 9112 §3). No command of SMTP, LMTP or POP3
# has such a name.
_REQUEST = re.compile(
    rb"(?:(?:CONNECT|DELETE|GET|HEAD|OPTIONS|PATCH|POST|PRI|PUT|TRACE) |[!-~]+ [^ ]+ HTTP/[0-9])"
)


def is_http(line: bytes) -> bool:
    """True for the first line of an HTTP request, or its beginning."""
    return _REQUEST.match(line) is not None
