"""The messages of one session: they are numbered once, marked for deletion, and removed at QUIT."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mailhost.interfaces.store import ILock, IMailbox, StoredMessage


class Maildrop:
    """The messages that the mailbox contained at the login. `lock` is the lock of the mailbox."""

    def __init__(self, mailbox: IMailbox, messages: Sequence[StoredMessage], lock: ILock) -> None:
        self.mailbox = mailbox
        self._messages = messages
        self._lock = lock
        self._deleted: set[int] = set()

    def __iter__(self) -> Iterator[tuple[int, StoredMessage]]:
        """Yield the messages that are not marked, with their numbers (from 1)."""
        for number, message in enumerate(self._messages, 1):
            if number not in self._deleted:
                yield number, message

    @property
    def count(self) -> int:
        """The number of messages that are not marked."""
        return len(self._messages) - len(self._deleted)

    @property
    def octets(self) -> int:
        """The size of the messages that are not marked, in octets as they are sent."""
        return sum(message.size for _, message in self)

    def get(self, number: int) -> StoredMessage | None:
        """Return the message with this number, None if there is none or the message is marked."""
        if 1 <= number <= len(self._messages) and number not in self._deleted:
            return self._messages[number - 1]
        return None

    def mark(self, number: int) -> None:
        """Mark a message for deletion."""
        self._deleted.add(number)

    def unmark_all(self) -> None:
        """Remove all marks."""
        self._deleted.clear()

    async def update(self) -> int:
        """Remove the marked messages. Return the number of those that could not be removed. Raises
        OSError."""
        marked = [self._messages[number - 1] for number in sorted(self._deleted)]
        return await self.mailbox.remove(marked) if marked else 0

    def release(self) -> None:
        """Release the lock, so that another session can open the mailbox."""
        self._lock.release()
