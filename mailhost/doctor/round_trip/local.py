"""Delivers the test message to an account of this host through the real SMTP port, finds it in the
mailbox, by POP3 and by IMAP, and removes it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from functools import partial

from twisted.internet.interfaces import IReactorTime

from mailhost.concurrency.threads import InThread
from mailhost.doctor.abuse.connecting import NotReached, OpenConnection, Place
from mailhost.doctor.finding import Finding, failure, ok, warning
from mailhost.doctor.replies.explain import explain
from mailhost.doctor.round_trip.faults import TEST_NOT_ACCEPTED, TEST_NOT_FOUND, TEST_NOT_READABLE
from mailhost.doctor.round_trip.identity import NotOurs, withheld
from mailhost.doctor.round_trip.message import TestMessage
from mailhost.doctor.round_trip.reading import CannotRead
from mailhost.doctor.running_host import AskHost
from mailhost.message.content import Content
from mailhost.message.status import Status
from mailhost.smtp.client.protocol import ConnectionBroken

Found = Callable[[Place, str, str, str], bool]
"""Looks for a Message-ID as a user with a password; blocks. Raises CannotRead; NotOurs before the
password is sent."""


@dataclass(frozen=True, slots=True)
class Reader:
    """A protocol by which the account is read. `name` is that of the protocol."""

    name: str
    place: Place
    found: Found


@dataclass(frozen=True, slots=True)
class LocalTrip:
    """One round trip to an account of this host.

    `open_connection` connects to the SMTP port. If `password` is empty, the mailbox is not read by
    POP3 or IMAP.
    """

    ask: AskHost
    clock: IReactorTime
    in_thread: InThread
    open_connection: OpenConnection
    readers: tuple[Reader, ...]
    account: str
    password: str
    message: TestMessage

    async def steps(self) -> AsyncIterator[Finding]:
        """Yield a finding for each step, up to the first that fails. Raises NoHostRunning,
        CommandFailed."""
        began = self.clock.seconds()
        status = await self._deliver()
        if not status.ok:
            yield _refused(self.account, status)
            return
        yield ok(f"SMTP to {self.account}", f"{status}, after {self._since(began)}")
        began = self.clock.seconds()
        folder = await self._find(remove=False)
        if not folder:
            yield _not_found(self.account)
            return
        yield ok("mailbox", f"the message is in {folder}, found after {self._since(began)}")
        for reader in self.readers if self.password else ():
            yield await self._read(reader)
        await self._find(remove=True)
        yield ok("mailbox", "the message is removed again")

    async def _deliver(self) -> Status:
        """Send the message without a login, with the null reverse-path."""
        try:
            connection = await self.open_connection()
            dialogue = connection.dialogue
            for command in ("MAIL FROM:<>", f"RCPT TO:<{self.account}>"):
                reply = await dialogue.ask(command.encode())
                if not reply.ok:
                    await dialogue.quit()
                    return reply.status()
            reply = await dialogue.data(Content((self.message.octets,)))
            await dialogue.quit()
            return reply.status()
        except (NotReached, ConnectionBroken) as error:
            return Status(451, "4.4.2", str(error))

    async def _find(self, remove: bool) -> str:
        folder: str = await self.ask(
            "doctor.find", account=self.account, message_id=self.message.message_id, remove=remove
        )
        return folder

    async def _read(self, reader: Reader) -> Finding:
        began = self.clock.seconds()
        tried = f"{reader.name} at {reader.place}"
        look = partial(
            reader.found, reader.place, self.account, self.password, self.message.message_id
        )
        try:
            found = await self.in_thread(look)
        except NotOurs:
            return withheld(tried)
        except CannotRead as error:
            remedy = "Check the password, and that the listener is in the settings and listens."
            return failure(TEST_NOT_READABLE, tried, f"the host said: {error}", remedy)
        if found:
            return ok(tried, f"the message is there, found after {self._since(began)}")
        seen = "the message is not among the newest"
        remedy = "Run `mailhost mailbox check` with the account; the log of the host may say more."
        return failure(
            TEST_NOT_READABLE, tried, seen, remedy, f"mailhost mailbox check {self.account}"
        )

    def _since(self, began: float) -> str:
        return f"{self.clock.seconds() - began:.2f} s"


def _refused(account: str, status: Status) -> Finding:
    advice = explain(str(status)).advice
    seen = f"the host said: {status}. {advice.meaning}"
    remedy = (
        "The log of the host has the filter or the rule that refused the message; `mailhost "
        "explain` shows the filters and rules for a message."
    )
    make = warning if status.temporary else failure
    return make(TEST_NOT_ACCEPTED, f"SMTP to {account}", seen, remedy)


def _not_found(account: str) -> Finding:
    seen = "the message is neither in INBOX nor in the folder for junk"
    remedy = "Search the log of the host for the Message-ID of the test message."
    return failure(TEST_NOT_FOUND, f"mailbox of {account}", seen, remedy)
