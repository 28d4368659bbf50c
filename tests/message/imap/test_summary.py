"""The summary of a message: golden mails, large ones, and any octets."""

from __future__ import annotations

import json
from time import process_time

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailhost.message.crlf import with_crlf
from mailhost.message.imap.part_offsets import decode_parts
from mailhost.message.imap.reader import CrlfReader, MemoryReader
from mailhost.message.imap.summary import summary
from tests.message.imap import golden, replies
from tests.message.imap.test_body_structure import multipart, typed
from tests.message.mime.messages import broken, messages


class GoldenTests(SynchronousTestCase):
    def test_each_mail(self) -> None:
        expected = json.loads(golden.ANSWERS.read_text(encoding="utf-8"))
        found = golden.answers()
        self.assertGreaterEqual(len(found), 30)
        self.assertEqual(found.keys(), expected.keys())
        for name, answers in found.items():
            self.assertEqual(answers, expected[name], name)

    def test_each_is_valid(self) -> None:
        for mail in golden.mails().values():
            made = summary(MemoryReader(with_crlf(mail)))
            replies.check_envelope(replies.read(made.envelope))
            replies.check_body(replies.read(made.body), extended=False)
            replies.check_body(replies.read(made.body_structure), extended=True)


class SummaryTests(SynchronousTestCase):
    def test_line_ends_make_no_difference(self) -> None:
        for mail in golden.mails().values():
            unix = mail.replace(b"\r\n", b"\n")
            self.assertEqual(
                summary(CrlfReader(MemoryReader(unix))), summary(MemoryReader(with_crlf(unix)))
            )

    def test_the_date_is_an_instant_and_a_day(self) -> None:
        made = summary(MemoryReader(b"Date: Tue, 1 Jul 2025 01:00:00 +0200\r\n\r\n"))
        assert made.sent is not None
        self.assertEqual((made.sent.seconds, made.sent.day), (1751324400, 20270))

    def test_threads(self) -> None:
        head = b"Message-ID: <m@x>\r\nIn-Reply-To: <a@x> <b@x>\r\n"
        made = summary(MemoryReader(head))
        self.assertEqual((made.message_id, made.references), ("m@x", ("a@x",)))
        made = summary(MemoryReader(head + b"References: <c@x>\r\n <a@x>\r\n"))
        self.assertEqual(made.references, ("c@x", "a@x"))

    def test_a_large_message_is_not_held(self) -> None:
        file = b"Content-Transfer-Encoding: base64\r\n" + typed(b"a/b", b"eHh4\r\n" * 1_000_000)
        message = multipart(b"\r\nHello\r\n", file, typed(b"text/plain", b"end"))
        reader = Largest(message)
        start = process_time()
        made = summary(reader)
        self.assertLess(process_time() - start, 5)
        self.assertLessEqual(reader.most, 1 << 20)
        self.assertEqual(made.preview, "Hello")
        parts = decode_parts(made.parts).parts
        self.assertEqual([part.type for part in parts], ["text/plain", "a/b", "text/plain"])
        self.assertEqual(parts[1].lines, 999_999 + 1)
        self.assertEqual(made.body, summary(CrlfReader(reader)).body)

    @given(messages | broken | st.binary(max_size=300))
    def test_any_octets(self, message: bytes) -> None:
        made = summary(MemoryReader(message))
        self.assertEqual(made.size, len(message))
        replies.check_envelope(replies.read(made.envelope))
        decode_parts(made.parts)
        for text in (made.preview, made.base_subject, made.sort_from):
            self.assertNotIn("\n", text)


class Largest:
    """Notes the most octets that were read at once."""

    def __init__(self, octets: bytes) -> None:
        self._octets = octets
        self.size = len(octets)
        self.most = 0

    def read(self, offset: int, size: int) -> bytes:
        self.most = max(self.most, size)
        return self._octets[offset : offset + size]
