"""What a session says to its client, what the operator hears of it, and when it is enough.

Errors are counted, and so are commands that bring no message nearer; too many end the session.
"""

from __future__ import annotations

from mailhost.interfaces.events import IEventSink, Refused
from mailhost.interfaces.wire import IWire
from mailhost.message.client import Client
from mailhost.message.status import Status
from mailhost.smtp.server.last_line import last_words
from mailhost.smtp.server.options import SessionOptions
from mailhost.smtp.server.reply import encode_reply
from mailhost.smtp.server.statuses import TOO_IDLE, TOO_MANY_ERRORS


class Replies:
    """One session's. Methods return what `IMachine.step` does: False once `over`."""

    def __init__(
        self, wire: IWire, client: Client, options: SessionOptions, events: IEventSink
    ) -> None:
        self.client = client
        self.over = False
        self._wire = wire
        self._options = options
        self._events = events
        self._errors = 0
        self._idle = 0
        self._told: tuple[str, Status] | None = None

    def write(self, status: Status) -> bool:
        """Reply."""
        self._wire.write(encode_reply(status))
        return True

    def write_encoded(self, reply: bytes) -> bool:
        """Write a reply that is encoded already."""
        self._wire.write(reply)
        return True

    def log(self, what: str, status: Status) -> None:
        """Tell the operator, but not the same thing in a row: ten thousand RCPTs are one line."""
        if self._told != (what, status):
            self._told = (what, status)
            self._events.emit(Refused(self.client, what, status))

    def refuse(self, what: str, status: Status) -> bool:
        """Reply with a refusal that the client may act on, and tell the operator."""
        self.log(what, status)
        return self.farewell(status) if status.code == 421 else self.write(status)

    def dismiss(self, what: str, status: Status) -> bool:
        """Reply with a refusal that ends the session, and log it."""
        self.log(what, status)
        return self.farewell(status)

    def error(self, what: str, status: Status) -> bool:
        """Refuse what makes no sense, or is a guess."""
        return self.refuse(what, TOO_MANY_ERRORS if self.count_error() else status)

    def no_command(self, what: str, line: bytes, status: Status) -> bool:
        """Refuse a line, of which the beginning is enough. End the session where the octets that
        follow may be no commands."""
        ending = last_words(line)
        return self.dismiss(what, ending) if ending else self.error(what, status)

    def turn_down(self, what: str, status: Status) -> bool:
        """The reception refused: for good, which counts as an error, or for now."""
        return self.error(what, status) if status.permanent else self.refuse(what, status)

    def useless(self, what: str) -> bool:
        """Count a command that brings no message nearer. True where it was one too many."""
        self._idle += 1
        if self._idle <= self._options.idle_commands:
            return False
        self.refuse(what, TOO_IDLE)
        return True

    def count_error(self) -> bool:
        """Count an error. True where it is one too many."""
        self._errors += 1
        return self._errors > self._options.errors

    def opened(self) -> None:
        """A transaction begins: its refusals are told, though they be like the last one's."""
        self._told = None

    def finished(self) -> None:
        """A message came in whole: the client is of use."""
        self._idle = 0

    def farewell(self, status: Status) -> bool:
        """The last words."""
        self.over = True
        self.write(status)
        self._wire.hang_up()
        return False


def shown(octets: bytes) -> str:
    """What a client sent, for the log: printable and short."""
    return octets[:80].decode("ascii", "backslashreplace").encode("unicode_escape").decode()
