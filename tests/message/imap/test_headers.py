"""The fields that are kept, and HEADER.FIELDS answered from them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailhost.message.imap.header_fields import HeaderFields
from mailhost.message.imap.headers import KEPT, LONGEST, answer_from, kept_fields
from mailhost.message.imap.sections import only_fields

fields = st.sampled_from(
    [
        b"Subject: a\r\n b\r\n",
        b"X-Other: x\r\n",
        b"to: b@c\r\n",
        b"junk\r\n",
        b"From: x\r\n",
        b"TO:\r\n",
    ]
)
headers = st.lists(fields, max_size=9).map(b"".join)
names = st.lists(st.sampled_from([b"subject", b"TO", b"From", b"list-id"]), max_size=3)


def kept(header: bytes) -> bytes | None:
    return kept_fields(header, HeaderFields(header, KEPT).kept)


class HeadersTests(SynchronousTestCase):
    @given(headers, st.sampled_from([b"", b"\r\n"]), names)
    def test_the_same_as_from_the_message(
        self, header: bytes, end: bytes, wanted: list[bytes]
    ) -> None:
        whole = header + end
        self.assertEqual(answer_from(kept(whole), wanted), only_fields(whole, wanted))

    def test_what_was_not_kept_is_read_from_the_message(self) -> None:
        found = kept(b"Subject: a\r\nX-Other: b\r\n\r\n")
        self.assertEqual(found, b"Subject: a\r\n\r\n")
        self.assertIsNone(answer_from(found, [b"Subject", b"X-Other"]))
        self.assertIsNone(answer_from(None, [b"Subject"]))
        self.assertEqual(answer_from(found, [b"LIST-ID"]), b"\r\n")

    def test_a_large_header_is_not_kept(self) -> None:
        self.assertIsNone(kept(b"To: a@b\r\n" * LONGEST))
        self.assertIsNotNone(kept(b"Received: x\r\n" * LONGEST + b"To: a@b\r\n\r\n"))
