"""The message to the administrator about the changes since the last run."""

from __future__ import annotations

from collections.abc import Iterator

from mailhost.doctor.daily.changes import Changes
from mailhost.doctor.report import finding_text
from mailhost.interfaces.outgoing import OwnMessage
from mailhost.message.address import Address
from mailhost.message.content import Content
from mailhost.message.ids import new_id
from mailhost.message.mime.encodings import encode_quoted_printable
from mailhost.observe.log import printable
from mailhost.own_messages import own_message

KIND = "report of the doctor"
WIDTH = 76
MOST_FINDINGS = 100  # findings of each kind in one message


def compose(changed: Changes, to: Address, hostname: str) -> OwnMessage:
    """Return the message. Its author is the postmaster of the host."""
    identity = new_id()
    content = Content((_header(changed, to, hostname), _body(changed, hostname)))
    return own_message(to, content, identity, KIND, identity, not str(to).isascii())


def _header(changed: Changes, to: Address, hostname: str) -> bytes:
    counts = ((len(changed.appeared), "new"), (len(changed.gone), "gone"))
    subject = ", ".join(f"{count} {word}" for count, word in counts if count)
    lines = (
        f"From: mailhost doctor <postmaster@{hostname}>",
        f"To: <{to}>",
        f"Subject: Doctor of {hostname}: {subject}",
        "Auto-Submitted: auto-generated",
        "MIME-Version: 1.0",
        "Content-Type: text/plain; charset=utf-8",
        "Content-Transfer-Encoding: quoted-printable",
        "",
        "",
    )
    return "\r\n".join(lines).encode()


def _body(changed: Changes, hostname: str) -> bytes:
    text = "\r\n".join(map(printable, _lines(changed, hostname))) + "\r\n"
    return encode_quoted_printable(text.encode("utf-8", "replace"))


def _lines(changed: Changes, hostname: str) -> Iterator[str]:
    yield f"The daily run of the doctor on {hostname} found changes."
    yield ""
    if changed.appeared:
        yield "New:"
        for finding in changed.appeared[:MOST_FINDINGS]:
            yield from finding_text(finding, WIDTH)
        yield ""
    if changed.gone:
        yield "Gone:"
        for known in changed.gone[:MOST_FINDINGS]:
            yield f"  {known.tried} [{known.name}]"
        yield ""
    yield "`mailhost doctor` shows the whole report; docs/troubleshooting.md explains each name."
    yield "This mail is sent because the settings have daily = true in [doctor]."
