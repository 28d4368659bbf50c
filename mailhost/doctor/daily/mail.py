"""The message to the administrator about the changes since the last run."""

from __future__ import annotations

from collections.abc import Iterator

from mailhost.doctor.daily.changes import Changes
from mailhost.doctor.report import finding_text
from mailhost.interfaces.outgoing import OwnMessage
from mailhost.message.address import Address
from mailhost.observe.log import printable
from mailhost.own_messages import text_message

KIND = "report of the doctor"
WIDTH = 76
MOST_FINDINGS = 100  # findings of each kind in one message


def compose(changed: Changes, to: Address, hostname: str) -> OwnMessage:
    """Return the message. Its author is the postmaster of the host."""
    counts = ((len(changed.appeared), "new"), (len(changed.gone), "gone"))
    changes = ", ".join(f"{count} {word}" for count, word in counts if count)
    subject = f"Doctor of {hostname}: {changes}"
    lines = map(printable, _lines(changed, hostname))
    return text_message(to, hostname, "mailhost doctor", subject, lines, KIND)


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
