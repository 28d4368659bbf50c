"""The messages of one session: numbered once, marked for deletion, removed at QUIT alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mailhost.interfaces.store import ILock, IMailbox, StoredMessage


class Maildrop:
    """The messages that the mailbox had when the session began. The session has its lock."""

    def __init__(self, mailbox: IMailbox, messages: Sequence[StoredMessage], lock: ILock) -> None:
        self.mailbox = mailbox
        self._messages = messages
        self._lock = lock
        self._deleted: set[int] = set()

    def __iter__(self) -> Iterator[tuple[int, StoredMessage]]:
        """The messages not marked, with their numbers."""
        for number, message in enumerate(self._messages, 1):
            if number not in self._deleted:
                yield number, message

    @property
    def count(self) -> int:
        """Messages not marked."""
        return len(self._messages) - len(self._deleted)

    @property
    def octets(self) -> int:
        """Their size on the wire."""
        return sum(message.size for _, message in self)

    def get(self, number: int) -> StoredMessage | None:
        """The message with this number, None where there is none or it is marked."""
        if 1 <= number <= len(self._messages) and number not in self._deleted:
            return self._messages[number - 1]
        return None

    def mark(self, number: int) -> None:
        """Mark a message for deletion."""
        self._deleted.add(number)

    def unmark_all(self) -> None:
        """Forget all marks."""
        self._deleted.clear()

    async def update(self) -> int:
        """Remove the marked messages; return how many could not be removed."""
        marked = [self._messages[number - 1] for number in sorted(self._deleted)]
        return await self.mailbox.remove(marked) if marked else 0

    def release(self) -> None:
        """Let the next session lock the mailbox."""
        self._lock.release()
