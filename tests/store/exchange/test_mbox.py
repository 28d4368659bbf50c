"""mbox files: what is written is read octet for octet, and those of others are understood."""

from __future__ import annotations

import mailbox
import os
import re

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailhost.store.exchange.mbox import NoMbox, Quoting, read, split, written

DATE = 1_600_000_000
TEXT = b"Return-Path: <ann@a.example>\r\nSubject: x\r\n\r\nFrom here\r\n>From there\r\n"
lines = st.one_of(
    st.sampled_from([b"", b"From x 10:00", b">From y", b">>From ", b"Status: RO", b"X-UID: 7"]),
    st.binary(max_size=20).map(lambda octets: re.sub(rb"[\r\n]", b"", octets)),
    st.just(b"a\rb\r"),
)
messages = st.lists(lines, max_size=6).map(
    lambda found: b"".join(b"%b\r\n" % line for line in found)
)
flags = st.lists(
    st.sampled_from(["\\Seen", "\\Answered", "\\Flagged", "\\Deleted", "\\Draft", "Work", "$a"]),
    unique=True,
)


class RoundTripTests(SynchronousTestCase):
    @given(st.lists(st.tuples(messages, flags), min_size=1, max_size=4))
    def test_what_is_written_is_read(self, wanted: list[tuple[bytes, list[str]]]) -> None:
        file = b"".join(
            written(text, names, number, DATE) for number, (text, names) in enumerate(wanted)
        )
        found = [read(message, Quoting.MBOXRD) for message in split(file)]
        self.assertEqual([message.text for message in found], [text for text, _ in wanted])
        for message, (_, names) in zip(found, wanted, strict=True):
            self.assertEqual(set(message.flags), set(names))
            self.assertEqual(message.date, DATE)

    def test_the_standard_library_reads_it(self) -> None:
        path = self.mktemp()
        with open(path, "wb") as file:
            file.write(written(TEXT, ["\\Seen", "\\Flagged"], 1, DATE) * 2)
        first, second = mailbox.mbox(path)
        self.assertEqual(first.get_from(), "ann@a.example Sun Sep 13 12:26:40 2020")
        self.assertEqual(first.get_flags(), "ROF")
        self.assertEqual(second["Subject"], "x")

    def test_what_the_standard_library_writes_is_read(self) -> None:
        path = self.mktemp()
        box = mailbox.mbox(path)
        for number in range(2):
            message = mailbox.mboxMessage(b"Subject: %d\n\nFrom x\n" % number)
            message.set_flags("RFA")
            message.set_from("ann@a.example", True)
            box.add(message)
        box.close()
        with open(path, "rb") as file:
            found = [read(message, Quoting.MBOXO) for message in split(file.read())]
        texts = [b"Subject: %d\r\n\r\nFrom x\r\n" % number for number in range(2)]
        self.assertEqual([message.text for message in found], texts)
        self.assertEqual(set(found[0].flags), {"\\Seen", "\\Flagged", "\\Answered"})
        os.unlink(path)


class ReadTests(SynchronousTestCase):
    def read(self, file: bytes, quoting: Quoting = Quoting.MBOXRD) -> list[bytes]:
        return [read(message, quoting).text for message in split(file)]

    def test_quoting(self) -> None:
        file = b"From a Thu Jan  1 00:00:00 1970\nA: b\n\n>From x\n>>From y\n> From z\n"
        self.assertEqual(self.read(file), [b"A: b\r\n\r\nFrom x\r\n>From y\r\n> From z\r\n"])
        texts = self.read(file, Quoting.MBOXO)
        self.assertEqual(texts, [b"A: b\r\n\r\nFrom x\r\n>>From y\r\n> From z\r\n"])

    def test_a_line_in_a_message_that_is_no_from_line(self) -> None:
        file = b"From a Thu Jan  1 00:00:00 1970\nA: b\n\nx\nFrom a 10:00\n\nFrom me to you\n"
        self.assertEqual(len(self.read(file)), 1)

    def test_line_ends_of_windows(self) -> None:
        file = b"From - Thu Jan  1 00:00:00 1970\r\nA: b\r\n\r\nx\r\n\r\n" * 2
        self.assertEqual(self.read(file), [b"A: b\r\n\r\nx\r\n"] * 2)

    def test_messages_without_octets_and_without_a_body(self) -> None:
        line = b"From a Thu Jan  1 00:00:00 1970\n"
        self.assertEqual(
            self.read(line + b"\n" + line + b"A: b\n\n" + line), [b"", b"A: b\r\n", b""]
        )

    def test_fields_of_mail_programs(self) -> None:
        line = b"From a Thu Jan  1 00:00:00 1970\n"
        folder = line + b"X-IMAP: 1 2\nSubject: FOLDER INTERNAL DATA\n\nx\n\n"
        base = b"X-IMAPbase: 1 2\n"
        (other,) = split(folder + line + base + b"\n")
        self.assertEqual(read(other, Quoting.MBOXRD).text, b"X-IMAPbase: 1 2\r\n")
        file = line + b"A: b\n" + base + b"Status: RO\nX-Keywords: Work  \n\nStatus: O\n"
        (message,) = split(file)
        found = read(message, Quoting.MBOXRD)
        self.assertEqual(found.text, b"A: b\r\n\r\nStatus: O\r\n")
        self.assertEqual(found.flags, ("\\Seen", "Work"))

    def test_a_status_that_is_none_of_a_mail_program(self) -> None:
        file = b"From a Thu Jan  1 00:00:00 1970\nStatus: open\n\n"
        self.assertEqual(self.read(file), [b"Status: open\r\n"])

    def test_dates(self) -> None:
        for line, header, date in (
            (b"From a Sun Sep 13 12:26:40 2020\n", b"", DATE),
            (b"From - Sun Sep 13 14:26:40 2020 +0200\n", b"", DATE),
            (b"From a at 10:00\n", b"Received: x; Sun, 13 Sep 2020 12:26:40 +0000\n", DATE),
            (b"From a at 10:00\n", b"Date: Sun, 13 Sep 2020 12:26:40 +0000\n", DATE),
            (b"From a at 10:00\n", b"", None),
        ):
            (message,) = split(line + header + b"\n")
            self.assertEqual(read(message, Quoting.MBOXRD).date, date, line)

    def test_a_file_that_is_no_mbox(self) -> None:
        for octets in (b"", b"Subject: x\n\n", b"From me to you\n"):
            with self.assertRaises(NoMbox):
                list(split(octets))
