"""The message to the administrator about a certificate that was not renewed in time."""

from __future__ import annotations

from mailhost.certificates.expiry import ExpiryWarning
from mailhost.interfaces.outgoing import OwnMessage
from mailhost.message.address import Address
from mailhost.message.content import Content
from mailhost.message.ids import new_id
from mailhost.message.mime.encodings import encode_quoted_printable
from mailhost.own_messages import own_message

KIND = "warning about a certificate"


def compose(warning: ExpiryWarning, to: Address, hostname: str) -> OwnMessage:
    """Return the message. Its author is the postmaster of the host."""
    identity = new_id()
    content = Content((_header(warning, to, hostname), _body(warning)))
    return own_message(to, content, identity, KIND, identity, not str(to).isascii())


def _header(warning: ExpiryWarning, to: Address, hostname: str) -> bytes:
    lines = (
        f"From: mailhost <postmaster@{hostname}>",
        f"To: <{to}>",
        f"Subject: {hostname}: {warning.subject}",
        "Auto-Submitted: auto-generated",
        "MIME-Version: 1.0",
        "Content-Type: text/plain; charset=utf-8",
        "Content-Transfer-Encoding: quoted-printable",
        "",
        "",
    )
    return "\r\n".join(lines).encode()


def _body(warning: ExpiryWarning) -> bytes:
    lines = (
        f"{warning.text}.",
        "",
        f"`mailhost certificates renew {warning.name}` tries again at once, and shows the result.",
        "`mailhost certificates` shows all certificates of this host, with their last failures.",
    )
    text = "\r\n".join(map(_printable, lines)) + "\r\n"
    return encode_quoted_printable(text.encode("utf-8", "replace"))


def _printable(line: str) -> str:
    """Return a line without control characters, as an authority may have written parts of it."""
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in line)
