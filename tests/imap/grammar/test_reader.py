"""Commands and literals out of octets, however they are cut."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailhost.imap.grammar.reader import (
    AFTER_LOGIN,
    Announced,
    CommandReader,
    Complete,
    Event,
    Limits,
    Literal,
    Octets,
    TooLong,
)

SMALL = Limits(line=100, literal=10, command=150, literals=2)
Decide = Callable[[CommandReader, Announced], None]


def accept(reader: CommandReader, announced: Announced) -> None:
    """Hold what the limits allow, refuse the rest."""
    if announced.too_big:
        reader.refuse()
    else:
        reader.accept()


def stream(reader: CommandReader, announced: Announced) -> None:
    """Stream every literal."""
    reader.stream()


def refuse(reader: CommandReader, announced: Announced) -> None:
    """Refuse every literal."""
    reader.refuse()


def read(blocks: list[bytes], decide: Decide = accept, limits: Limits = SMALL) -> list[Event]:
    """Return all events; the octets of a streamed literal are joined."""
    reader = CommandReader(limits)
    events: list[Event] = []
    for block in blocks:
        reader.receive(block)
        while (event := reader.next()) is not None:
            if isinstance(event, Announced):
                decide(reader, event)
            if isinstance(event, Octets) and events and isinstance(events[-1], Octets):
                event = Octets(events.pop().data + event.data, event.last)  # type: ignore[union-attr]
            events.append(event)
    return events


def commands(data: bytes, decide: Decide = accept, limits: Limits = SMALL) -> list[Event]:
    """Return the events without announcements."""
    return [e for e in read([data], decide, limits) if not isinstance(e, Announced)]


class LineTests(SynchronousTestCase):
    def test_lines(self) -> None:
        self.assertEqual(
            [Complete((b"a NOOP",)), Complete((b"",)), Complete((b"b NOOP",))],
            commands(b"a NOOP\r\n\r\nb NOOP\nc NO"),
        )

    def test_done_and_the_next_commands_in_one_packet(self) -> None:
        """iOS 18 sends them so."""
        lines = [event.line for event in commands(b"DONE\r\na NOOP\r\nb IDLE\r\n")
                 if isinstance(event, Complete)]  # fmt: skip
        self.assertEqual([b"DONE", b"a NOOP", b"b IDLE"], lines)

    def test_a_long_line_is_thrown_away(self) -> None:
        for end in (b"\r\n", b"\n", b"{5}\r\n"):
            data = b"a1 " + b"x" * 200 + end + b"b NOOP\r\n"
            beginning = data[:80]
            self.assertEqual(
                [TooLong(b"a1", "The line is too long", beginning), Complete((b"b NOOP",))],
                commands(data),
            )

    def test_the_longest_line(self) -> None:
        self.assertEqual([Complete((b"x" * 100,))], commands(b"x" * 100 + b"\r\n"))
        self.assertIsInstance(commands(b"x" * 101 + b"\r\n")[0], TooLong)

    def test_a_long_line_without_a_tag(self) -> None:
        (event,) = commands(b"GET" + b"/" * 200 + b"\r\n")
        assert isinstance(event, TooLong)
        self.assertEqual(b"*", event.tag)

    def test_the_literal_of_a_long_line_is_no_command(self) -> None:
        data = b"a " + b"x" * 200 + b" {12+}\r\nb LOGOUT\r\nxx c{3+}\r\nxyz\r\nd NOOP\r\n"
        self.assertEqual([TooLong, Complete], list(map(type, commands(data))))

    def test_a_long_command(self) -> None:
        data = b"a " + b"x" * 90 + b"{9+}\r\n123456789" + b"y" * 60 + b"\r\nb NOOP\r\n"
        beginning = b"a " + b"x" * 78
        self.assertEqual(
            [TooLong(b"a", "The command is too long", beginning), Complete((b"b NOOP",))],
            commands(data),
        )

    def test_too_many_literals(self) -> None:
        data = b"a {1+}\r\nx {1+}\r\nx {9+}\r\nb LOGOUT\n\r\nc NOOP\r\n"
        for decide in (accept, stream):
            events = [e for e in commands(data, decide) if not isinstance(e, Octets)]
            long = TooLong(b"a", "The command has too many literals", b"a ")
            self.assertEqual([long, Complete((b"c NOOP",))], events)

    def test_between_commands(self) -> None:
        reader = CommandReader(SMALL)
        self.assertTrue(reader.between_commands)
        reader.receive(b"a ")
        self.assertFalse(reader.between_commands)
        self.assertIsNone(reader.next())
        reader.receive(b"NOOP\r\n")
        reader.next()
        self.assertTrue(reader.between_commands)

    def test_clear(self) -> None:
        reader = CommandReader(SMALL)
        reader.receive(b"a STARTTLS\r\nb LOGIN {3}\r\n")
        reader.next()
        reader.next()
        reader.clear()
        reader.receive(b"c NOOP\r\n")
        self.assertEqual(Complete((b"c NOOP",)), reader.next())


class LiteralTests(SynchronousTestCase):
    def test_a_literal_is_announced_and_held(self) -> None:
        data = b"a SEARCH CHARSET UTF-8 SUBJECT {6}\r\n\xd0\xb0\r\n\xd0\xb1 SEEN\r\n"
        announced, complete = read([data])
        head = b"a SEARCH CHARSET UTF-8 SUBJECT "
        self.assertEqual(Announced((head, Literal(6)), Literal(6), waiting=True), announced)
        literal = Literal(6, False, b"\xd0\xb0\r\n\xd0\xb1")
        self.assertEqual(Complete((head, literal, b" SEEN")), complete)

    def test_kinds(self) -> None:
        for text, binary, waiting in (
            (b"{3}", False, True),
            (b"{3+}", False, False),
            (b"~{3}", True, True),
            (b"~{3+}", True, False),
        ):
            announced, complete = read([b"a X " + text + b"\r\nabc\r\n"])
            assert isinstance(announced, Announced)
            self.assertEqual((binary, waiting), (announced.literal.binary, announced.waiting))
            self.assertEqual(Complete((b"a X ", Literal(3, binary, b"abc"), b"")), complete)

    def test_several_and_empty_ones(self) -> None:
        data = b"a LOGIN {0}\r\n {3+}\r\nabc\r\nb NOOP\r\n"
        self.assertEqual(
            [
                Complete(
                    (b"a LOGIN ", Literal(0, False, b""), b" ", Literal(3, False, b"abc"), b"")
                ),
                Complete((b"b NOOP",)),
            ],
            commands(data),
        )

    def test_no_literals(self) -> None:
        for line in (b"a X {3} ", b'a X "{3}"', b"a X {}", b"a X {3-}", b"a {" + b"1" * 21 + b"}"):
            self.assertEqual([Complete((line,))], commands(line + b"\r\n"))

    def test_a_refused_literal_for_which_the_client_waits(self) -> None:
        """It does not send the literal: its next octets are a command."""
        events = commands(b"a APPEND x {999}\r\nb NOOP\r\n", refuse)
        self.assertEqual([Complete((b"b NOOP",))], events)

    def test_a_refused_literal_that_comes_all_the_same(self) -> None:
        data = b"a APPEND x {12+}\r\nb LOGOUT\r\nxx (\\Seen) {4+}\r\nc X\n {3}\r\nd NOOP\r\n"
        self.assertEqual([Complete((b"d NOOP",))], commands(data, refuse))

    def test_too_big(self) -> None:
        for data, text in (
            (b"a X {11}\r\n", "A literal may have 10 octets here"),
            (b"a " + b"x" * 90 + b"{9+}\r\n123456789" + b"y" * 35 + b"{9}\r\n",
             "A command may have 150 octets here"),
        ):  # fmt: skip
            last = read([data])[-1]
            assert isinstance(last, Announced)
            self.assertEqual(text, last.too_big)

    def test_the_limits_are_kept(self) -> None:
        reader = CommandReader(SMALL)
        reader.receive(b"a X {11}\r\n")
        reader.next()
        self.assertRaises(ValueError, reader.accept)

    def test_an_announcement_waits_for_the_decision(self) -> None:
        reader = CommandReader(SMALL)
        reader.receive(b"a X {1}\r\nb\r\n")
        first = reader.next()
        self.assertIs(first, reader.next())
        reader.accept()
        self.assertEqual(Complete((b"a X ", Literal(1, False, b"b"), b"")), reader.next())

    def test_streaming(self) -> None:
        """Several messages of one APPEND; octets above the limits are not held."""
        one, two = b"x" * 300, b"y\r\n" * 100
        data = b"a APPEND b {300}\r\n%b (\\Seen) ~{300+}\r\n%b\r\nb NOOP\r\n" % (one, two)
        parts = (b"a APPEND b ", Literal(300), b" (\\Seen) ", Literal(300, True), b"")
        self.assertEqual(
            [Octets(one, True), Octets(two, True), Complete(parts), Complete((b"b NOOP",))],
            commands(data, stream),
        )

    def test_streaming_nothing(self) -> None:
        events = commands(b"a APPEND b {0}\r\n\r\n", stream)
        parts = (b"a APPEND b ", Literal(0), b"")
        self.assertEqual([Octets(b"", True), Complete(parts)], events)

    def test_streaming_takes_what_is_there(self) -> None:
        reader = CommandReader(AFTER_LOGIN)
        reader.receive(b"a APPEND b {5}\r\n12")
        reader.next()
        reader.stream()
        self.assertEqual(Octets(b"12", False), reader.next())
        self.assertIsNone(reader.next())
        reader.receive(b"345\r")
        self.assertEqual(Octets(b"345", True), reader.next())


PIECES = [
    b"a NOOP", b"\r\n", b"\r", b"\n", b"{3}", b"{3+}\r\n", b"{0+}\r\n", b"~{9+}\r\n", b"{11+}\r\n",
    b"abc", b"DONE\r\n", b" ", b"x" * 60, b"\0", b"{30}\r\n", b"b APPEND c ",
]  # fmt: skip


class AnyCutTests(SynchronousTestCase):
    @given(
        st.lists(st.sampled_from(PIECES), max_size=20).map(b"".join),
        st.lists(st.integers(0, 300), max_size=8),
        st.sampled_from([accept, stream, refuse]),
    )
    def test_any_cut_gives_the_same_result(
        self, data: bytes, cuts: list[int], decide: Decide
    ) -> None:
        at = sorted(min(cut, len(data)) for cut in cuts)
        blocks = [data[a:b] for a, b in zip([0, *at], [*at, len(data)], strict=True)]
        whole = read([data], decide)
        self.assertEqual(whole, read(blocks, decide))
        self.assertEqual(whole, read([data[n : n + 1] for n in range(len(data))], decide))
