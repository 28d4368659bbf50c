"""Messages with attachments."""

from __future__ import annotations

from email import policy
from email.message import EmailMessage


def with_message(body: bytes, encoding: str) -> bytes:
    """Return a message with another message attached."""
    head = b'Content-Type: multipart/mixed; boundary="out"\r\n\r\n--out\r\n\r\nsee\r\n--out\r\n'
    kind = b"Content-Type: message/rfc822\r\nContent-Transfer-Encoding: "
    return head + kind + encoding.encode() + b"\r\n\r\n" + body + b"\r\n--out--\r\n"


def with_files(**files: bytes) -> bytes:
    """Return a message with attachments, whose names have `_` in place of `.`."""
    mail = EmailMessage(policy.SMTP)
    mail["Subject"] = "files"
    mail.set_content("see below\n")
    for name, octets in files.items():
        mail.add_attachment(
            octets, maintype="application", subtype="octet-stream", filename=name.replace("_", ".")
        )
    return mail.as_bytes()


def with_name(name: str) -> bytes:
    """Return a message that is an attachment with this name."""
    disposition = f'Content-Disposition: attachment; filename="{name}"'
    return f"Content-Type: application/x\r\n{disposition}\r\n\r\nx\r\n".encode()
