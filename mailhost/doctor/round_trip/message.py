"""The test message of a round trip."""

from __future__ import annotations

from dataclasses import dataclass

from mailhost.message.ids import new_id

SUBJECT = "Test of mailhost doctor"
_TEXT = (
    "mailhost doctor sent this message to test the delivery from {hostname} to {recipient}.",
    "You can delete it.",
)


@dataclass(frozen=True, slots=True)
class TestMessage:
    """The header section without From and Date, with LF ends and no end of its last line; the
    text; and the Message-ID by which the message is found."""

    header: str
    text: str
    message_id: str

    @property
    def octets(self) -> bytes:
        """The message with CRLF ends."""
        return f"{self.header}\n\n{self.text}".replace("\n", "\r\n").encode()


def make_message(hostname: str, recipient: str) -> TestMessage:
    """Return a new test message."""
    message_id = f"<{new_id()}@{hostname}>"
    header = (
        f"To: <{recipient}>",
        f"Subject: {SUBJECT}",
        f"Message-ID: {message_id}",
        "Auto-Submitted: auto-generated",
        "MIME-Version: 1.0",
        "Content-Type: text/plain; charset=utf-8",
    )
    text = "\n".join(_TEXT).format(hostname=hostname, recipient=recipient) + "\n"
    return TestMessage("\n".join(header), text, message_id)


def with_sender(message: TestMessage, sender: str, date: str) -> TestMessage:
    """Return the message with the two fields that only a submission may lack."""
    return TestMessage(
        f"From: mailhost doctor <{sender}>\nDate: {date}\n{message.header}",
        message.text,
        message.message_id,
    )
