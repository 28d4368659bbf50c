"""The replies of a session: they are written, refusals are logged, errors are counted.

Errors and idle commands (those that belong to no transaction) are counted, and too many of them end
the session.
"""

from __future__ import annotations

from collections.abc import Sequence

from mailhost.interfaces.events import IEventSink, Refused
from mailhost.interfaces.wire import IWire
from mailhost.message.client import Client
from mailhost.message.envelope import Envelope, ForwardPath
from mailhost.message.status import Status
from mailhost.smtp.server.last_line import closing_reply
from mailhost.smtp.server.options import SessionOptions
from mailhost.smtp.server.reply import encode_reply
from mailhost.smtp.server.statuses import TOO_IDLE, TOO_MANY_ERRORS

MOST_RECIPIENTS = 100  # that the event of a refusal has


class SMTPReplies:
    """The replies of one session. `over` is True once the session has written its last reply or
    lost its connection.

    Methods that return a bool return what `IMachine.step` returns, unless they say otherwise: False
    once `over`. `what` is the subject of a refusal in the log, such as a command.
    """

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
        self._last_logged: tuple[str, Status] | None = None
        self._transaction: tuple[str, Envelope, Sequence[ForwardPath]] | None = None

    def write(self, status: Status) -> bool:
        """Write a reply."""
        self._wire.write(encode_reply(status))
        return True

    def write_encoded(self, reply: bytes) -> bool:
        """Write a reply that is already encoded."""
        self._wire.write(reply)
        return True

    def log(self, what: str, status: Status) -> None:
        """Log a refusal, unless it equals the last one: ten thousand refused RCPTs are one line."""
        if self._last_logged != (what, status):
            self._last_logged = (what, status)
            self._events.emit(self._refused(what, status))

    def _refused(self, what: str, status: Status) -> Refused:
        if self._transaction is None:
            return Refused(self.client, what, status)
        identity, envelope, accepted = self._transaction
        recipients = tuple(path.address for path in accepted[:MOST_RECIPIENTS])
        return Refused(self.client, what, status, identity, envelope.reverse_path, recipients)

    def refuse(self, what: str, status: Status) -> bool:
        """Write and log a refusal. A 421 ends the session."""
        self.log(what, status)
        return self.close(status) if status.code == 421 else self.write(status)

    def refuse_and_close(self, what: str, status: Status) -> bool:
        """Write and log a refusal, and end the session."""
        self.log(what, status)
        return self.close(status)

    def error(self, what: str, status: Status) -> bool:
        """Refuse a command and count an error."""
        return self.refuse(what, TOO_MANY_ERRORS if self.count_error() else status)

    def no_command(self, what: str, line: bytes, status: Status) -> bool:
        """Refuse a line that is not a command; `line` may be its beginning. End the session if
        the octets behind the line may not be commands either."""
        ending = closing_reply(line)
        return self.refuse_and_close(what, ending) if ending else self.error(what, status)

    def refused_by_reception(self, what: str, status: Status) -> bool:
        """Write and log a refusal of the reception. A permanent one (5xx) counts as an error."""
        return self.error(what, status) if status.permanent else self.refuse(what, status)

    def count_idle(self, what: str) -> bool:
        """Count an idle command. Return True if that was one too many; the session is over then."""
        self._idle += 1
        if self._idle <= self._options.idle_commands:
            return False
        self.refuse(what, TOO_IDLE)
        return True

    def count_error(self) -> bool:
        """Count an error. Return True if that was one too many."""
        self._errors += 1
        return self._errors > self._options.errors

    def opened(self, identity: str, envelope: Envelope, accepted: Sequence[ForwardPath]) -> None:
        """Take note that a transaction begins: its first refusal is logged in any case, and events
        of refusals have its identity, sender and recipients. `accepted` may grow."""
        self._last_logged = None
        self._transaction = (identity, envelope, accepted)

    def closed(self) -> None:
        """Take note that no transaction is under way."""
        self._transaction = None

    def finished(self) -> None:
        """Take note that a message was complete: idle commands are counted anew."""
        self._idle = 0

    def close(self, status: Status) -> bool:
        """Write the last reply and close the connection."""
        self.over = True
        self.write(status)
        self._wire.hang_up()
        return False


def printable(octets: bytes) -> str:
    """Return the beginning of a client's input for the log: at most 80 octets, escaped."""
    return octets[:80].decode("ascii", "backslashreplace").encode("unicode_escape").decode()
