"""Mail for filters."""

from __future__ import annotations

from mailhost.interfaces.verdict import Mail, Stage
from mailhost.message.client import Client
from mailhost.message.content import Content
from tests.fakes import envelope, path

CLIENT = Client("192.0.2.7", 4711, hello="far.example", extended=True, session="s")
RCPT = Mail(Stage.RECIPIENT, CLIENT, envelope(sender="sue@far.example"), path("ann@a.example"))


def message(text: str | bytes, *to: str, sender: str = "sue@far.example") -> Mail:
    """Return the mail of a whole message; line ends of a text become CRLF."""
    octets = text if isinstance(text, bytes) else text.replace("\n", "\r\n").encode()
    who = envelope(*(to or ("ann@a.example",)), sender=sender)
    return Mail(Stage.MESSAGE, CLIENT, who, content=Content((octets,)), identity="m1")
