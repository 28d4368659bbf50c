"""A test message to an account of this host."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mailhost.doctor.abuse.connecting import Place
from mailhost.doctor.finding import Finding, Verdict
from mailhost.doctor.round_trip.faults import (
    TEST_NOT_ACCEPTED,
    TEST_NOT_FOUND,
    TEST_NOT_READABLE,
    TEST_PASSWORD_WITHHELD,
)
from mailhost.doctor.round_trip.identity import NotOurs
from mailhost.doctor.round_trip.local import LocalTrip, Reader
from mailhost.doctor.round_trip.message import make_message, with_sender
from mailhost.doctor.round_trip.reading import CannotRead
from tests.doctor.abuse.fake_server import FakeServer
from tests.doctor.running import at_once

MESSAGE = with_sender(
    make_message("mx.here.net", "ann@here.net"),
    "doctor@doctor.invalid",
    "Sat, 28 Nov 2026 13:00:00 +0000",
)


class LocalTests(SynchronousTestCase):
    def steps(
        self, rcpt: str = "250 ok", folder: str = "INBOX", password: str = "", answer: object = True
    ) -> Sequence[Finding]:
        """The findings. `folder` is where the message is, `answer` what a reader says or raises."""
        self.asked: list[tuple[str, bool]] = []
        self.received = b""
        self.read: list[tuple[str, str]] = []

        def content(data: bytes) -> str:
            self.received = data
            return "250 2.0.0 Taken" if data.endswith(b"\r\n.\r\n") else ""

        def ask(command: str, /, **arguments: Any) -> Awaitable[Any]:
            self.assertEqual(arguments["message_id"], MESSAGE.message_id)
            self.asked.append((command, arguments["remove"]))
            return succeed(folder)

        def found(place: Place, user: str, password: str, message_id: str) -> bool:
            self.read.append((user, password))
            if isinstance(answer, Exception):
                raise answer
            return bool(answer)

        replies = {"MAIL": "250 ok", "RCPT": rcpt, "DATA": "354 go on"}
        self.server = FakeServer(lambda command: replies[command.split()[0]], content)
        readers = (Reader("POP3", Place("127.0.0.1", 110), found),)
        trip = LocalTrip(
            ask, Clock(), at_once, self.server.open, readers, "ann@here.net", password, MESSAGE
        )

        async def run() -> list[Finding]:
            return [each async for each in trip.steps()]

        return self.successResultOf(Deferred.fromCoroutine(run()))

    def test_it_arrives_and_is_removed(self) -> None:
        found = self.steps()
        self.assertEqual({each.verdict for each in found}, {Verdict.OK})
        self.assertIn("the message is in INBOX, found after 0.00 s", found[1].seen)
        self.assertEqual(self.asked, [("doctor.find", False), ("doctor.find", True)])
        self.assertIn(f"\r\nMessage-ID: {MESSAGE.message_id}\r\n".encode(), self.received)
        self.assertEqual(self.server.of("MAIL"), ["MAIL FROM:<>"])
        self.assertEqual(self.read, [])

    def test_it_is_read_with_the_password(self) -> None:
        found = self.steps(password="secret")
        self.assertEqual({each.verdict for each in found}, {Verdict.OK})
        self.assertEqual(self.read, [("ann@here.net", "secret")])
        self.assertNotIn("secret", repr(found))

    def test_it_is_refused(self) -> None:
        (found,) = self.steps("550 5.1.1 No such user here")
        self.assertEqual((found.verdict, found.fault), (Verdict.FAILURE, TEST_NOT_ACCEPTED))
        (found,) = self.steps("450 4.7.1 Greylisted")
        self.assertEqual((found.verdict, found.fault), (Verdict.WARNING, TEST_NOT_ACCEPTED))

    def test_it_is_not_in_the_mailbox(self) -> None:
        found = self.steps(folder="")
        self.assertEqual(found[-1].fault, TEST_NOT_FOUND)
        self.assertEqual(self.asked, [("doctor.find", False)])

    def test_another_program_has_the_port(self) -> None:
        found = self.steps(password="secret", answer=NotOurs())
        self.assertEqual(
            (Verdict.UNKNOWN, TEST_PASSWORD_WITHHELD), (found[2].verdict, found[2].fault)
        )
        self.assertEqual(self.asked[-1], ("doctor.find", True))

    def test_it_cannot_be_read(self) -> None:
        for answer in (CannotRead("-ERR [AUTH] wrong"), False):
            found = self.steps(password="secret", answer=answer)
            self.assertEqual(found[2].fault, TEST_NOT_READABLE)
            self.assertEqual(self.asked[-1], ("doctor.find", True))
