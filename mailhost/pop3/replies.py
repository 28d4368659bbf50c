"""The replies of a POP3 session: they are written, refusals are logged, errors are counted."""

from __future__ import annotations

from mailhost.interfaces.events import IEventSink, Refused
from mailhost.interfaces.wire import IWire
from mailhost.message.client import Client
from mailhost.message.status import Status
from mailhost.pop3.reply import err

MOST_ERRORS = 20


class Pop3Replies:
    """The replies of one session. `over` is True once the session has written its last reply or
    lost its connection.

    Methods that return a bool return what `IMachine.step` returns: False once `over`. `what` is the
    subject of a refusal in the log.
    """

    def __init__(self, wire: IWire, client: Client, events: IEventSink) -> None:
        self.client = client
        self.over = False
        self._wire = wire
        self._events = events
        self._errors = 0

    def write(self, reply: bytes) -> bool:
        """Write a reply, which is encoded already."""
        self._wire.write(reply)
        return True

    def error(self, text: str, code: str = "") -> bool:
        """Write -ERR and count an error; too many errors end the session. `code` as for `err`."""
        self._errors += 1
        if self._errors > MOST_ERRORS:
            status = Status(421, "4.7.0", "Too many errors; goodbye", text)
            return self.refuse_and_close("session", status)
        return self.write(err(text, code))

    def refuse_and_close(self, what: str, status: Status) -> bool:
        """Write and log a refusal, and end the session."""
        self.log(what, status)
        return self.close(err(status.text))

    def close(self, reply: bytes) -> bool:
        """Write the last reply and close the connection."""
        self.over = True
        self._wire.write(reply)
        self._wire.hang_up()
        return False

    def log_fault(self, what: str, error: OSError) -> None:
        """Log that the mailbox could not be read or written."""
        self.log(what, Status(451, "4.3.0", "Cannot read or write the mailbox now", str(error)))

    def log(self, what: str, status: Status) -> None:
        """Log a refusal."""
        self._events.emit(Refused(self.client, what, status))
