"""The commands of the TRANSACTION state (RFC 1939 §5 and §7): messages are listed, read, marked."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType

from mailhost.interfaces.answer import Answer
from mailhost.interfaces.store import StoredMessage
from mailhost.interfaces.wire import IWire
from mailhost.net.dot_stuffing import stuffed
from mailhost.pop3.maildrop import Maildrop
from mailhost.pop3.replies import Replies
from mailhost.pop3.reply import TEMPORARY, bad, good, listing, top

NO_SUCH = "No such message"


class Transaction:
    """`drop` is the mailbox of the session. While `sending`, a message is under way, and any other
    output would be taken for part of it."""

    def __init__(self, replies: Replies, wire: IWire, drop: Maildrop) -> None:
        self.drop = drop
        self.sending = False
        self._replies = replies
        self._wire = wire

    def stat(self, _: bytes) -> bool:
        """STAT."""
        return self._replies.write(good(f"{self.drop.count} {self.drop.octets}"))

    def list(self, arguments: bytes) -> bool:
        """LIST."""
        return self._scan(arguments, lambda message: str(message.size))

    def uidl(self, arguments: bytes) -> bool:
        """UIDL."""
        return self._scan(arguments, lambda message: message.unique)

    def _scan(self, arguments: bytes, shown: Callable[[StoredMessage], str]) -> bool:
        """LIST and UIDL: one message, or all that are not marked."""
        if arguments:
            number, message = self._numbered(arguments)
            if message is None:
                return self._replies.error(NO_SUCH)
            return self._replies.write(good(f"{number} {shown(message)}"))
        every = (f"{number} {shown(message)}" for number, message in self.drop)
        return self._replies.write(listing(f"{self.drop.count} messages", every))

    def retr(self, arguments: bytes) -> Answer[bool]:
        """RETR."""
        _, message = self._numbered(arguments)
        if message is None:
            return self._replies.error(NO_SUCH)
        return self._send(message, f"{message.size} octets", None)

    def top(self, arguments: bytes) -> Answer[bool]:
        """TOP."""
        number, _, count = arguments.partition(b" ")
        _, message = self._numbered(number)
        if message is None or not count.isdigit() or len(count) > 9:
            return self._replies.error(NO_SUCH if message is None else "TOP takes two numbers")
        return self._send(message, "Here it begins", int(count))

    async def _send(self, message: StoredMessage, text: str, lines: int | None) -> bool:
        """Send a message, with `lines` of its body at most, None for all."""
        try:
            content = await self.drop.mailbox.open(message)
        except FileNotFoundError:
            return self._replies.write(bad("The message was removed by somebody else"))
        except OSError as error:
            self._replies.faulted("message", error)
            return self._replies.write(bad("The message cannot be read now", TEMPORARY))
        self._replies.write(good(text))
        chunks: Iterator[bytes] = content.chunks()
        self.sending = True
        await self._wire.stream(stuffed(chunks if lines is None else top(chunks, lines)))
        self.sending = False
        return True

    def dele(self, arguments: bytes) -> bool:
        """DELE."""
        number, message = self._numbered(arguments)
        if message is None:
            return self._replies.error(NO_SUCH)
        self.drop.mark(number)
        return self._replies.write(good("Marked"))

    def rset(self, _: bytes) -> bool:
        """RSET."""
        self.drop.unmark_all()
        return self._replies.write(good(f"{self.drop.count} messages"))

    def _numbered(self, argument: bytes) -> tuple[int, StoredMessage | None]:
        if not argument.isdigit() or len(argument) > 9:
            return 0, None
        return int(argument), self.drop.get(int(argument))


TRANSACTION: Mapping[bytes, Callable[[Transaction, bytes], Answer[bool]]] = MappingProxyType(
    {
        b"STAT": Transaction.stat,
        b"LIST": Transaction.list,
        b"UIDL": Transaction.uidl,
        b"RETR": Transaction.retr,
        b"TOP": Transaction.top,
        b"DELE": Transaction.dele,
        b"RSET": Transaction.rset,
    }
)
