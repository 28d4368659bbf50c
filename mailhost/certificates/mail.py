"""The message to the administrator about a certificate that was not renewed in time."""

from __future__ import annotations

from mailhost.certificates.expiry import ExpiryWarning
from mailhost.interfaces.outgoing import OwnMessage
from mailhost.message.address import Address
from mailhost.own_messages import text_message

KIND = "warning about a certificate"


def compose(warning: ExpiryWarning, to: Address, hostname: str) -> OwnMessage:
    """Return the message. Its author is the postmaster of the host."""
    subject = f"{hostname}: {warning.subject}"
    return text_message(to, hostname, "mailhost", subject, map(_printable, _lines(warning)), KIND)


def _lines(warning: ExpiryWarning) -> tuple[str, ...]:
    return (
        f"{warning.text}.",
        "",
        f"`mailhost certificates renew {warning.name}` tries again at once, and shows the result.",
        "`mailhost certificates` shows all certificates of this host, with their last failures.",
    )


def _printable(line: str) -> str:
    """Return a line without control characters, as an authority may have written parts of it."""
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in line)
