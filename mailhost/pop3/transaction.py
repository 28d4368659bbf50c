"""The commands of the TRANSACTION state (RFC 1939 §5 and §7): they list, send and mark messages."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType

from mailhost.interfaces.answer import Answer
from mailhost.interfaces.store import StoredMessage
from mailhost.interfaces.wire import IWire
from mailhost.net.dot_stuffing import stuffed
from mailhost.pop3.maildrop import Maildrop
from mailhost.pop3.replies import Pop3Replies
from mailhost.pop3.reply import TEMPORARY, err, listing, ok, top

NO_SUCH_MESSAGE = "No such message"


class Pop3Transaction:
    """The TRANSACTION state of one session. `drop` has the messages of the mailbox.

    `sending` is True while a message is sent; a reply would become part of that message. Methods
    that return a bool or an Answer[bool] return what `IMachine.step` returns.
    """

    def __init__(self, replies: Pop3Replies, wire: IWire, drop: Maildrop) -> None:
        self.drop = drop
        self.sending = False
        self._replies = replies
        self._wire = wire

    def stat(self, _: bytes) -> bool:
        """Execute STAT: the number and the size of the messages."""
        return self._replies.write(ok(f"{self.drop.count} {self.drop.octets}"))

    def list(self, arguments: bytes) -> bool:
        """Execute LIST: the size of one message, or of all."""
        return self._list(arguments, lambda message: str(message.size))

    def uidl(self, arguments: bytes) -> bool:
        """Execute UIDL: the unique identifier of one message, or of all."""
        return self._list(arguments, lambda message: message.unique)

    def _list(self, arguments: bytes, shown: Callable[[StoredMessage], str]) -> bool:
        """Reply with the result of `shown` for the message in `arguments`, or if that is empty, for
        all messages that are not marked."""
        if arguments:
            number, message = self._parse_number(arguments)
            if message is None:
                return self._replies.error(NO_SUCH_MESSAGE)
            return self._replies.write(ok(f"{number} {shown(message)}"))
        every = (f"{number} {shown(message)}" for number, message in self.drop)
        return self._replies.write(listing(f"{self.drop.count} messages", every))

    def retr(self, arguments: bytes) -> Answer[bool]:
        """Execute RETR: send a message."""
        _, message = self._parse_number(arguments)
        if message is None:
            return self._replies.error(NO_SUCH_MESSAGE)
        return self._send(message, f"{message.size} octets", None)

    def top(self, arguments: bytes) -> Answer[bool]:
        """Execute TOP: send the header of a message, and the first lines of its body."""
        number, _, count = arguments.partition(b" ")
        _, message = self._parse_number(number)
        if message is None or not count.isdigit() or len(count) > 9:
            return self._replies.error(
                NO_SUCH_MESSAGE if message is None else "TOP takes two numbers"
            )
        return self._send(message, "Top of the message follows", int(count))

    async def _send(self, message: StoredMessage, text: str, lines: int | None) -> bool:
        """Send a message, with at most `lines` lines of its body, or all if None. The reply has
        `text`."""
        try:
            content = await self.drop.mailbox.open(message)
        except FileNotFoundError:
            return self._replies.write(err("The message was removed by another program"))
        except OSError as error:
            self._replies.log_fault("message", error)
            return self._replies.write(err("The message cannot be read now", TEMPORARY))
        self._replies.write(ok(text))
        chunks: Iterator[bytes] = content.chunks()
        self.sending = True
        await self._wire.stream(stuffed(chunks if lines is None else top(chunks, lines)))
        self.sending = False
        return True

    def dele(self, arguments: bytes) -> bool:
        """Execute DELE: mark a message for deletion."""
        number, message = self._parse_number(arguments)
        if message is None:
            return self._replies.error(NO_SUCH_MESSAGE)
        self.drop.mark(number)
        return self._replies.write(ok("Marked for deletion"))

    def rset(self, _: bytes) -> bool:
        """Execute RSET: remove all marks."""
        self.drop.unmark_all()
        return self._replies.write(ok(f"{self.drop.count} messages"))

    def _parse_number(self, argument: bytes) -> tuple[int, StoredMessage | None]:
        if not argument.isdigit() or len(argument) > 9:
            return 0, None
        return int(argument), self.drop.get(int(argument))


TRANSACTION: Mapping[bytes, Callable[[Pop3Transaction, bytes], Answer[bool]]] = MappingProxyType(
    {
        b"STAT": Pop3Transaction.stat,
        b"LIST": Pop3Transaction.list,
        b"UIDL": Pop3Transaction.uidl,
        b"RETR": Pop3Transaction.retr,
        b"TOP": Pop3Transaction.top,
        b"DELE": Pop3Transaction.dele,
        b"RSET": Pop3Transaction.rset,
    }
)
