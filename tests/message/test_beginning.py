"""The end of the header section, so that all programs read the same fields."""

from __future__ import annotations

import re
import time
from email import message_from_bytes

from hypothesis import assume, given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailhost.message.beginning import (
    HEADER_LINE_ENDS,
    HEADER_TOO_LARGE,
    LARGEST_HEADER,
    with_clear_header,
)
from mailhost.message.content import HEADER_LIMIT, Content
from mailhost.message.header import fields
from mailhost.message.status import Status

FIELDS = b"Subject: x\r\nFrom : ann@a.example\r\nX:\r\n folded\r\n\t \r\n twice\r\n"
MBOX = b"From sue@far.example Tue Nov 14 22:13:20 2023\r\n"


def cleared(message: bytes, binary: bool = False) -> tuple[bytes, bytes]:
    """Return the message and the header section that `with_clear_header` returns."""
    content = Content((message,))
    found = with_clear_header(content, content.header(), binary)
    assert not isinstance(found, Status), found
    return found[0].read(), found[1]


class SameOctets(SynchronousTestCase):
    def test_a_proper_header_is_not_changed(self) -> None:
        for message in (
            FIELDS + b"\r\nbody\r\n",
            FIELDS,
            b"Subject: no line end",
            b"\r\nbody",
            b"",
            b"From : x\r\n\r\nFrom x\r\n",
            b"A: 1\r\n\r\n" + b"no field\r\n" * 3,
        ):
            content = Content((message,))
            found = with_clear_header(content, content.header())
            assert not isinstance(found, Status)
            self.assertIs(found[0].pieces, content.pieces)
            self.assertEqual(found[1], content.header())
            self.assertEqual(found[0].header(), content.header())


class MendedTests(SynchronousTestCase):
    def test_an_mbox_line_is_dropped(self) -> None:
        for line in (MBOX, b">" + MBOX, b">>From \r\n"):
            self.assertEqual(cleared(line + FIELDS + b"\r\nbody"), (FIELDS + b"\r\nbody", FIELDS))
        self.assertEqual(cleared(MBOX), (b"", b""))
        self.assertEqual(cleared(MBOX + b"\r\nbody"), (b"\r\nbody", b""))

    def test_text_that_begins_like_an_mbox_line_is_kept(self) -> None:
        for text in (b"From x", b"From here on we meet at ten\r\n\r\nAnn", b"From x\r\n fold\r\n"):
            self.assertEqual(cleared(text), (b"\r\n" + text, b""))

    def test_only_one_mbox_line_at_the_top_is_dropped(self) -> None:
        self.assertEqual(cleared(MBOX * 2 + FIELDS), (b"\r\n" + MBOX + FIELDS, b""))
        self.assertEqual(cleared(b"A: 1\r\n" + MBOX), (b"A: 1\r\n\r\n" + MBOX, b"A: 1\r\n"))

    def test_an_empty_line_goes_in_front_of_other_lines(self) -> None:
        for rest in (
            b"hello\r\nFrom: eve@far.example\r\n\r\nbody",
            b"no colon",
            b": no name\r\n",
            b"a name: x\r\nA: 1\r\n",
            b"N\0: x\r\n",
            b"\xc3\xb6: x\r\n",
        ):
            self.assertEqual(cleared(rest), (b"\r\n" + rest, b""))
            self.assertEqual(cleared(FIELDS + rest), (FIELDS + b"\r\n" + rest, FIELDS))

    def test_a_folded_line_without_a_field_is_no_field(self) -> None:
        for rest in (b" From: ann@a.example\r\n", b"\tx\r\nA: 1\r\n\r\nbody", b" \r\n"):
            self.assertEqual(cleared(rest), (b"\r\n" + rest, b""))
            self.assertEqual(cleared(MBOX + rest), (b"\r\n" + rest, b""))

    @settings(deadline=None, max_examples=200)
    @given(
        st.lists(
            st.sampled_from(
                [b"\r\n", b" ", b"\t", b":", b"From ", b"From: a@b", b">", b"A", b"x y", b"\xff"]
            ),
            max_size=30,
        ).map(b"".join)
    )
    def test_the_change_is_idempotent_and_other_parsers_agree(self, message: bytes) -> None:
        after, section = cleared(message)
        self.assertEqual(cleared(after), (after, section))
        # the standard library does not accept blanks in front of a colon (RFC 5322 §4.5)
        assume(not re.search(rb"^[!-9;-~]+[ \t]+:", section, re.MULTILINE))
        names = [each.name for each in fields(b"Received: us\r\n" + section)]
        names_of_library = message_from_bytes(b"Received: us\r\n" + after).keys()
        self.assertEqual([name.decode() for name in names], names_of_library)


class LargeTests(SynchronousTestCase):
    def answer(self, message: bytes) -> object:
        content = Content((message,))
        return with_clear_header(content, content.header())

    def test_a_larger_header_than_is_read_is_refused(self) -> None:
        for size in (LARGEST_HEADER, HEADER_LIMIT, 2 * HEADER_LIMIT):
            for filler in (b"X-Y: " + b"x" * 60 + b"\r\n", b"Subject:" + b" x\r\n" * 20):
                header = filler * (size // len(filler) + 1)
                self.assertIs(self.answer(header + b"From: b@c\r\n\r\nbody"), HEADER_TOO_LARGE)
                self.assertIs(self.answer(MBOX + header), HEADER_TOO_LARGE)
        self.assertIs(self.answer(b"X: " + b"x" * 2 * HEADER_LIMIT), HEADER_TOO_LARGE)

    def test_a_body_without_a_header_may_be_large(self) -> None:
        body = b"hello there\r\n" * 200_000
        self.assertEqual(cleared(b"A: 1\r\n" + body), (b"A: 1\r\n\r\n" + body, b"A: 1\r\n"))
        endless = b"x" * 2 * HEADER_LIMIT
        self.assertEqual(cleared(endless), (b"\r\n" + endless, b""))

    def test_long_headers_take_linear_time(self) -> None:
        for piece in (b"x", b"x:", b" ", b"x \t", b"x:\r\n ", b"\r\n ", b">", b"From "):
            started = time.perf_counter()
            self.answer(piece * (HEADER_LIMIT // len(piece)))
            self.assertLess(time.perf_counter() - started, 0.5, piece)


class BinaryTests(SynchronousTestCase):
    """A BINARYMIME message may have any line ends in its body."""

    def test_the_body_is_left_alone(self) -> None:
        message = FIELDS + b"\r\n\n\r\0\n\n"
        self.assertEqual(cleared(message, binary=True), (message, FIELDS))

    def test_other_line_ends_in_the_header_are_refused(self) -> None:
        for piece in (b"A: 1\nFrom: x\r\n", b"A: 1\rFrom: x\r\n", b"A: 1\n\r\n", b"A: \0\r\n"):
            content = Content((piece + b"\r\nbody",))
            self.assertIs(
                with_clear_header(content, content.header(), binary=True), HEADER_LINE_ENDS
            )
