"""Reading and editing of whole messages, small and large."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from mailhost.interfaces.filters import FilterFailed
from mailhost.message.content import HEADER_LIMIT, Content, FileSlice
from mailhost.reception.filters.whole_messages import LARGE_AT_ONCE, SMALL_MESSAGE, WholeMessages
from tests.fakes import now
from tests.queue.fakes import here
from tests.reception.filters.threads import WaitingThreads

LARGE = Content((b"A: 1\r\n\r\n" + b"x" * SMALL_MESSAGE,))


class WholeMessagesTests(SynchronousTestCase):
    """The thread in which the work is done, and its result."""

    def test_small_messages_are_read_at_once(self) -> None:
        whole_messages = WholeMessages("/nowhere", 10, self.fail)
        self.assertEqual(
            now(whole_messages.read(Content((b"abc", b"def")), bytes.upper)), b"ABCDEF"
        )

    def test_few_large_ones_at_a_time(self) -> None:
        threads = WaitingThreads()
        whole_messages = WholeMessages("/nowhere", 10, threads)
        waiting = [
            Deferred.fromCoroutine(whole_messages.read(LARGE, len))
            for _ in range(LARGE_AT_ONCE + 2)
        ]
        self.assertEqual(len(threads.waiting), LARGE_AT_ONCE)
        for _ in waiting:
            threads.run()
        self.assertEqual([self.successResultOf(each) for each in waiting], [LARGE.size] * 4)

    def test_a_fault_releases_the_semaphore(self) -> None:
        whole_messages = WholeMessages("/nowhere", 10, here)
        for _ in range(LARGE_AT_ONCE + 1):
            reading = Deferred.fromCoroutine(whole_messages.read(LARGE, lambda octets: 1 // 0))
            self.failureResultOf(reading, ZeroDivisionError)

    def test_without_a_change_the_same_object(self) -> None:
        whole_messages = WholeMessages("/nowhere", 10, here)
        for content in (Content((b"a",)), LARGE):
            self.assertIs(now(whole_messages.edit(content, lambda octets: octets)), content)
            self.assertIs(now(whole_messages.edit_header(content, lambda octets: octets)), content)

    def test_a_large_edited_message_is_in_a_file(self) -> None:
        whole_messages = WholeMessages(self.mktemp(), 10, here)
        edited = now(whole_messages.edit(LARGE, lambda octets: octets + b"y"))
        self.assertIsInstance(edited.pieces[0], FileSlice)
        self.assertEqual(edited.read(), LARGE.read() + b"y")

    def test_the_body_is_not_read(self) -> None:
        whole_messages = WholeMessages("/nowhere", 10, here)
        edited = now(whole_messages.edit_header(LARGE, lambda header: header + b"B: 2\r\n"))
        self.assertEqual(edited.read(), b"A: 1\r\nB: 2\r\n\r\n" + b"x" * SMALL_MESSAGE)

    def test_a_header_that_is_too_large_is_not_edited(self) -> None:
        """Such a header is cut, so that an added field could be inside of another."""
        large = Content((b"A: 1\r\n" * (HEADER_LIMIT // 6 + 1) + b"\r\n", b"x"))
        whole_messages = WholeMessages("/nowhere", 10, here)
        editing = Deferred.fromCoroutine(
            whole_messages.edit_header(large, lambda header: header + b"B: 2")
        )
        failure = self.failureResultOf(editing, FilterFailed)
        self.assertIn("header", str(failure.value))
        fits = large.slice(6, large.size)
        self.assertEqual(now(whole_messages.edit_header(fits, bytes.lower)).read()[:6], b"a: 1\r\n")
