"""The replies of a POP3 session, the errors that it counts, and its events for the log."""

from __future__ import annotations

from mailhost.interfaces.events import IEventSink, Refused
from mailhost.interfaces.wire import IWire
from mailhost.message.client import Client
from mailhost.message.status import Status
from mailhost.pop3.reply import bad

MOST_ERRORS = 20


class Replies:
    """One session's. Methods return what `IMachine.step` does: False once `over`."""

    def __init__(self, wire: IWire, client: Client, events: IEventSink) -> None:
        self.client = client
        self.over = False
        self._wire = wire
        self._events = events
        self._errors = 0

    def write(self, reply: bytes) -> bool:
        """Reply."""
        self._wire.write(reply)
        return True

    def error(self, text: str, code: str = "") -> bool:
        """Reply with -ERR, and count it: too many end the session. `code` as of `bad`."""
        self._errors += 1
        if self._errors > MOST_ERRORS:
            status = Status(421, "4.7.0", "Too many errors; goodbye", text)
            return self.dismiss("session", status)
        return self.write(bad(text, code))

    def dismiss(self, what: str, status: Status) -> bool:
        """Log a refusal, and end the session with it."""
        self.log(what, status)
        return self.farewell(bad(status.text))

    def farewell(self, reply: bytes) -> bool:
        """Write the last reply and close the connection."""
        self.over = True
        self._wire.write(reply)
        self._wire.hang_up()
        return False

    def faulted(self, what: str, error: OSError) -> None:
        """Log that the mailbox could not be read or written."""
        self.log(what, Status(451, "4.3.0", "Cannot read or write the mailbox now", str(error)))

    def log(self, what: str, status: Status) -> None:
        """Log a refusal."""
        self._events.emit(Refused(self.client, what, status))
