"""Sections: which octets each part number and specifier names (RFC 9051 §6.4.5.1)."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailhost.message.imap.part_offsets import read_parts
from mailhost.message.imap.reader import MemoryReader
from mailhost.message.imap.sections import (
    Range,
    Section,
    Specifier,
    find_part,
    find_range,
    read_fields,
    read_range,
    without_fields,
)
from tests.message.imap.test_body_structure import multipart, typed
from tests.message.mime.messages import broken, messages

SINGLE = b"Subject: in\r\nX: y\r\n\r\nhi\r\n"
INNER = b"Subject: many\r\n" + multipart(b"\r\none", typed(b"image/gif", b"GIF"), boundary=b"c")
MESSAGE = b"Subject: out\r\n" + multipart(
    b"\r\ntext",
    typed(b"message/rfc822", SINGLE),
    typed(b"message/rfc822", INNER),
    multipart(b"\r\nA", b"\r\nB", boundary=b"d", subtype=b"alternative"),
)


def section(message: bytes, spec: str) -> bytes | None:
    """The octets of BODY[spec]; names of fields behind a blank."""
    words, _, names = spec.partition(" ")
    numbers = [int(word) for word in words.split(".") if word.isdigit()]
    rest = ".".join(word for word in words.split(".") if not word.isdigit())
    asked = Section(tuple(numbers), Specifier(rest), tuple(names.encode().split()))
    root = read_parts(message)
    if names:
        return read_fields(MemoryReader(message), root, asked)
    where = find_range(root, asked)
    return None if where is None else b"".join(read_range(MemoryReader(message), where))


class SectionTests(SynchronousTestCase):
    def check(self, message: bytes, expected: dict[str, bytes | None]) -> None:
        for spec, octets in expected.items():
            self.assertEqual(section(message, spec), octets, spec)

    def test_a_message_with_one_part(self) -> None:
        self.check(
            SINGLE,
            {
                "": SINGLE,
                "HEADER": b"Subject: in\r\nX: y\r\n\r\n",
                "TEXT": b"hi\r\n",
                "1": b"hi\r\n",
                "1.MIME": b"Subject: in\r\nX: y\r\n\r\n",
                "1.HEADER": None,
                "2": None,
                "1.1": None,
                "0": None,
            },
        )

    def test_messages_within(self) -> None:
        head = b"Content-Type: message/rfc822\r\n\r\n"
        single = SINGLE[:-2]  # the line break in front of a delimiter belongs to that
        self.check(
            MESSAGE,
            {
                "1": b"text",
                "1.MIME": b"\r\n",
                "1.1": None,
                "1.TEXT": None,
                "2": SINGLE,
                "2.HEADER": b"Subject: in\r\nX: y\r\n\r\n",
                "2.TEXT": b"hi\r\n",
                "2.MIME": head,
                "2.1": b"hi\r\n",
                "2.1.MIME": b"Subject: in\r\nX: y\r\n\r\n",
                "2.2": None,
                "3": INNER,
                "3.HEADER": INNER[: INNER.index(b"\r\n\r\n") + 4],
                "3.TEXT": INNER[INNER.index(b"\r\n\r\n") + 4 :],
                "3.1": b"one",
                "3.2": b"GIF",
                "3.2.MIME": b"Content-Type: image/gif\r\n\r\n",
                "3.3": None,
                "4.1": b"A",
                "4.2": b"B",
                "4.2.HEADER": None,
                "4.3": None,
                "5": None,
            },
        )
        self.assertEqual(len(single) + 2, len(SINGLE))

    def test_a_message_that_is_a_message(self) -> None:
        message = typed(b"message/rfc822", SINGLE)
        self.check(
            message,
            {
                "1": SINGLE,
                "1.HEADER": b"Subject: in\r\nX: y\r\n\r\n",
                "1.1": b"hi\r\n",
                "TEXT": SINGLE,
                "1.1.1": None,
            },
        )

    def test_header_fields(self) -> None:
        self.check(
            b"A: 1\r\nB: 2\r\n folded\r\na: 3\r\n\r\nA: 4\r\n",
            {
                "HEADER.FIELDS A": b"A: 1\r\na: 3\r\n\r\n",
                "HEADER.FIELDS b C": b"B: 2\r\n folded\r\n\r\n",
                "HEADER.FIELDS x": b"\r\n",
                "HEADER.FIELDS.NOT a": b"B: 2\r\n folded\r\n\r\n",
                "HEADER.FIELDS.NOT x": b"A: 1\r\nB: 2\r\n folded\r\na: 3\r\n\r\n",
                "1.HEADER.FIELDS a": None,
            },
        )
        self.check(MESSAGE, {"2.HEADER.FIELDS x": b"X: y\r\n\r\n", "HEADER.FIELDS x": b"\r\n"})

    def test_a_header_without_an_empty_line_is_shown_so(self) -> None:
        self.check(
            b"A: 1\r\nB: 2", {"HEADER.FIELDS b": b"B: 2\r\n", "HEADER.FIELDS.NOT b": b"A: 1\r\n"}
        )
        self.check(b"\r\nx", {"HEADER": b"\r\n", "HEADER.FIELDS a": b"\r\n", "1": b"x"})
        self.check(b"", {"": b"", "HEADER": b"", "HEADER.FIELDS a": b"", "1": b"", "TEXT": b""})

    def test_lines_that_are_no_field_stay(self) -> None:
        header = b"From x\r\nA: 1\r\njunk\r\n\r\n"
        self.assertEqual(without_fields(header, [b"a"]), b"From x\r\njunk\r\n\r\n")

    def test_partial(self) -> None:
        where = Range(10, 20)
        for offset, size, expected in (
            (0, 1000, (10, 20)),
            (3, 4, (13, 17)),
            (9, 5, (19, 20)),
            (10, 5, (20, 20)),
            (1 << 62, 1 << 62, (20, 20)),
        ):
            part = where.partial(offset, size)
            self.assertEqual((part.start, part.end), expected)

    @given(messages | broken, st.lists(st.integers(1, 4), max_size=4), st.sampled_from(Specifier))
    def test_any_section_lies_in_its_message(
        self, message: bytes, numbers: list[int], specifier: Specifier
    ) -> None:
        root = read_parts(message)
        where = find_range(root, Section(tuple(numbers), specifier, (b"Subject",)))
        if where is not None:
            self.assertIsNotNone(find_part(root, tuple(numbers)))
            self.assertTrue(0 <= where.start <= where.end <= len(message))
            inside = where.partial(3, 5)
            self.assertEqual(
                message[inside.start : inside.end], message[where.start : where.end][3:8]
            )
