"""Mail in our name gets its missing fields, and each step behind that sees the final content."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Any

from twisted.internet.defer import Deferred, fail, succeed
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer
from zope.interface.verify import verifyObject

from mailhost.concurrency.answers import result_of
from mailhost.interfaces.answer import Answer
from mailhost.interfaces.outgoing import IOutgoing, IOutgoingStep, OutgoingMessage
from mailhost.message.content import Content, FileSlice, OpenFile, content_of_file
from mailhost.message.envelope import Envelope
from mailhost.message.header import fields
from mailhost.message.status import LOCAL_ERROR, Status
from mailhost.outgoing import Completion, Outgoing
from tests.fakes import address, now, outgoing_of
from tests.queue.fakes import here

AUTHOR = address("ann@a.example")
FROM = b"From: <ann@a.example>\r\n"
DATE = b"Date: Tue, 14 Nov 2023 22:13:20 +0000\r\n"
ID = b"Message-ID: <id1@mx.a.example>\r\n"
NOT_NOW = Status(451, "4.7.5", "The key cannot be read")


def outgoing_message(content: bytes) -> OutgoingMessage:
    """A message that was not completed yet."""
    return OutgoingMessage(Envelope(AUTHOR), Content((content,)), AUTHOR, "id1")


@implementer(IOutgoingStep)
class Signing:
    """A step that puts a field on top, or answers what it is given."""

    def __init__(self, name: bytes, answer: Any = None) -> None:
        self.name = name
        self.answer = answer
        self.seen: list[bytes] = []

    def apply(self, message: OutgoingMessage) -> Answer[Content | Status]:
        self.seen.append(message.content.read())
        return self.answer or succeed(message.content.after(self.name + b": x\r\n"))


class OutgoingCase(SynchronousTestCase):
    def outgoing(self, *more: Signing) -> Outgoing:
        """Complete, then do these."""
        completion = Completion("mx.a.example", here, lambda: 1_700_000_000.9)
        return Outgoing(completion, [IOutgoingStep(step) for step in more])


class Missing(OutgoingCase):
    def missing(self, header: bytes) -> bytes:
        return self.outgoing().missing(header, AUTHOR, "id1")

    def test_all(self) -> None:
        self.assertEqual(self.missing(b""), FROM + DATE + ID)
        self.assertEqual(self.missing(b"Subject: x\r\n"), FROM + DATE + ID)

    def test_none(self) -> None:
        self.assertEqual(self.missing(b"from : a@b\r\nDATE: x\r\nMessage-Id:\r\n <x>\r\n"), b"")

    def test_what_stands_in_a_folded_line_is_no_field(self) -> None:
        header = b"Subject: a\r\n From: b\r\n\tDate: c\r\n Message-ID: d\r\n"
        names = [field.name for field in fields(self.missing(header))]
        self.assertEqual(names, [b"From", b"Date", b"Message-ID"])


class Leaving(OutgoingCase):
    def test_interfaces(self) -> None:
        verifyObject(IOutgoing, outgoing_of("mx.a.example"))
        verifyObject(IOutgoingStep, Completion("mx.a.example", here))

    def test_what_is_missing_is_added(self) -> None:
        content: Any = now(self.outgoing().leave(outgoing_message(b"Subject: x\r\n\r\nbody")))
        self.assertEqual(content.read(), FROM + DATE + ID + b"Subject: x\r\n\r\nbody")

    def test_a_completed_content_is_not_examined_again(self) -> None:
        message = outgoing_message(b"Subject: x\r\n\r\n")
        completed = replace(message, completed=message.content)
        self.assertIs(self.outgoing().leave(completed), message.content)

    def test_what_a_filter_removed_is_added_again(self) -> None:
        before = Content((FROM + DATE + ID + b"\r\nbody",))
        message = replace(outgoing_message(FROM + ID + b"\r\nbody"), completed=before)
        content: Any = now(self.outgoing().leave(message))
        self.assertEqual(content.read(), DATE + FROM + ID + b"\r\nbody")

    def test_steps_see_what_those_before_them_made(self) -> None:
        first, second = Signing(b"A"), Signing(b"B")
        content: Any = now(self.outgoing(first, second).leave(outgoing_message(FROM + b"\r\n")))
        self.assertEqual(first.seen, [DATE + ID + FROM + b"\r\n"])
        self.assertEqual(content.read(), b"B: x\r\nA: x\r\n" + first.seen[0])

    def test_a_refusal_ends_it(self) -> None:
        for refusal in (NOT_NOW, succeed(NOT_NOW)):
            last = Signing(b"B")
            steps = self.outgoing(Signing(b"A", refusal), last)
            self.assertEqual(now(steps.leave(outgoing_message(FROM + b"\r\n"))), NOT_NOW)
            self.assertEqual(last.seen, [])

    def test_a_header_on_the_disk_is_read_in_a_thread(self) -> None:
        path = self.mktemp()
        with open(path, "wb") as file:
            file.write(b"Subject: x\r\n\r\nbody")
        content = content_of_file(path)
        asked: list[Deferred[Any]] = []

        def in_thread(work: Any) -> Deferred[Any]:
            asked.append(Deferred())
            return asked[-1].addCallback(lambda _: work())

        outgoing = Outgoing(Completion("mx.a.example", in_thread, lambda: 1_700_000_000.0))
        message = replace(outgoing_message(b""), content=content)
        answer: Deferred[Any] = Deferred.fromCoroutine(result_of(outgoing.leave(message)))
        self.assertNoResult(answer)
        asked[0].callback(None)
        left: Any = self.successResultOf(answer)
        self.assertEqual(left.read(), FROM + DATE + ID + b"Subject: x\r\n\r\nbody")

    def test_a_header_that_cannot_be_read_defers(self) -> None:
        outgoing = Outgoing(Completion("mx.a.example", lambda work: fail(OSError("gone"))))
        content = Content((FileSlice(OpenFile(os.open("/dev/null", os.O_RDONLY)), 0, 18),))
        status = now(outgoing.leave(replace(outgoing_message(b""), content=content)))
        self.assertEqual(status, LOCAL_ERROR.because("the message cannot be read: gone"))
