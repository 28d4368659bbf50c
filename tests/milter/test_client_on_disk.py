"""A message on disk, which is read in threads: the filter gets the same packets."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from twisted.internet.defer import Deferred

from mailhost.message.content import Content
from mailhost.milter.edits import Edits
from mailhost.milter.verdict import GO_ON, REJECT
from tests.milter.talk import ALL_ANSWERED, MilterCase

T = TypeVar("T")
TWO_PARTS = Content((b"Subject: hi\r\n\r\n" + b"x" * 70_000,))
HEADER = """
    C: L|Subject|hi
    F: c
    C: D|N
    C: N
"""


class OnDisk(MilterCase):
    def setUp(self) -> None:
        super().setUp()
        self.waiting: list[Deferred[None]] = []
        self.reads = 0

    def in_thread(self, work: Callable[[], T], /) -> Deferred[T]:
        """Do the work when the test lets it end."""
        self.reads += 1
        turn: Deferred[None] = Deferred()
        self.waiting.append(turn)
        return turn.addCallback(lambda _: work())

    def read(self) -> None:
        """Let the thread that works now end."""
        self.waiting.pop(0).callback(None)

    def begin(self) -> Deferred[object]:
        """The message begins; the header section is being read."""
        self.envelope(ALL_ANSWERED)
        done = Deferred.fromCoroutine(self.client.message(TWO_PARTS, {}, self.in_thread))
        self.assertEqual([], list(self.sent()))
        self.read()
        self.lines(HEADER)
        return done  # type: ignore[return-value] # only its end is looked at

    def sent_body(self) -> int:
        """The octets of the packet of body that was sent; nothing else was."""
        octets = self.wire.value()
        self.wire.clear()
        self.assertEqual(b"B", octets[4:5])
        self.assertEqual(len(octets) - 4, int.from_bytes(octets[:4]))
        return len(octets) - 5

    def test_each_part_is_read_when_the_filter_wants_it(self) -> None:
        done = self.begin()
        self.lines("F: c")
        sizes = []
        for _ in range(2):
            self.assertEqual(b"", self.wire.value())
            self.read()
            sizes.append(self.sent_body())
            self.lines("F: c")
        self.assertEqual(70_000, sum(sizes))
        self.read()  # there is no more
        self.lines("C: D|E\nC: E\nF: c")
        self.assertEqual((GO_ON, Edits()), self.successResultOf(done))

    def test_nothing_more_is_read_after_a_verdict(self) -> None:
        done = self.begin()
        self.lines("F: c")
        self.read()
        self.sent_body()
        self.lines("F: r")
        self.assertEqual((REJECT, Edits()), self.successResultOf(done))
        self.assertEqual((2, []), (self.reads, self.waiting))
