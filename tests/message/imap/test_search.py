"""The texts that SEARCH looks at, and how they are compared."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailhost.message.imap.part_offsets import read_parts
from mailhost.message.imap.reader import MemoryReader
from mailhost.message.imap.search import (
    Matcher,
    all_texts,
    body_texts,
    decoded_value,
    fold,
    search,
)
from tests.message.imap.test_body_structure import multipart, typed
from tests.message.mime.messages import broken, messages


def finds(message: bytes, needle: str, whole: bool = True) -> bool:
    root, reader = read_parts(message), MemoryReader(message)
    return any(search((all_texts if whole else body_texts)(reader, root), needle))


class ComparisonTests(SynchronousTestCase):
    def test_folding(self) -> None:
        for one, other in (
            ("GRÜSSE", "Grüße"),
            ("\uff21\uff22", "ab"),
            ("\ufb01x", "FIX"),
            ("e\u0301", "\xc9"),
            ("ΟΔΟΣ", "οδος"),
        ):
            self.assertEqual(fold(one), fold(other), (one, other))
        self.assertNotEqual(fold("é"), fold("e"))

    @given(st.text("aAbß\u0301e ", max_size=20), st.text("aAbe", min_size=1, max_size=3), st.data())
    def test_slices(self, text: str, needle: str, data: st.DataObject) -> None:
        """Text that is found in the whole is found in its slices."""
        cut = data.draw(st.integers(0, len(text)))
        matcher = Matcher(needle)
        found = [matcher.feed(text[:cut]), matcher.feed(text[cut:])]
        if Matcher(needle).feed(text):
            self.assertTrue(any(found))

    def test_an_empty_string_is_in_each_text(self) -> None:
        self.assertEqual(list(search([["a", "b"]], "")), [True])
        self.assertEqual(list(search([[]], "x")), [])

    def test_texts_are_not_joined(self) -> None:
        self.assertEqual(list(search([["ab"], ["cd"]], "bc")), [False, False])
        self.assertEqual(list(search([["ab", "cd"]], "bc")), [False, True])


class TextTests(SynchronousTestCase):
    def test_values_of_fields(self) -> None:
        words = b" =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n =?utf-8?q?_aus?="
        self.assertEqual(decoded_value(words), "Grüße aus")
        self.assertEqual(decoded_value(b" J\xf6rg <j@x>"), "Jörg <j@x>")

    def test_where_a_string_is_found(self) -> None:
        base64 = b"Content-Transfer-Encoding: base64\r\n"
        message = b"Subject: outer\r\n" + multipart(
            b"X-Part: header\r\n\r\nplain text",
            base64 + typed(b"text/plain; charset=utf-8", b"R3LDvMOfZQ=="),
            typed(b"text/html", b"<p>Caf&eacute; <b>b</b>ar</p>"),
            typed(b"message/rfc822", b"Subject: inner\r\n\r\nwithin"),
            base64 + typed(b"application/x", b"cGxhaW4gc2VjcmV0"),
        )
        for needle, in_all, in_body in (
            ("OUTER", True, False),
            ("x-part", True, False),
            ("Plain Text", True, True),
            ("GRÜSSE", True, True),
            ("café bar", True, True),
            ("<b>b", True, True),
            ("subject: inner", True, True),
            ("within", True, True),
            ("secret", False, False),
            ("textgr", False, False),
        ):
            self.assertEqual(finds(message, needle), in_all, needle)
            self.assertEqual(finds(message, needle, whole=False), in_body, needle)

    def test_a_tag_across_slices(self) -> None:
        message = typed(b"text/html", b"." * 16380 + b"a<b class='x'>b</b>c")
        self.assertTrue(finds(message, "abc"))

    def test_large_bodies_come_in_slices(self) -> None:
        message = typed(b"text/plain; charset=utf-8", "öa ".encode() * 200_000 + b"end")
        root, reader = read_parts(message), MemoryReader(message)
        steps = list(search(body_texts(reader, root), "a end"))
        self.assertGreater(len(steps), 40)
        self.assertTrue(steps[-1])

    @given(messages | broken | st.binary(max_size=200))
    def test_any_octets(self, message: bytes) -> None:
        self.assertFalse(finds(message, "\U0001f4a9 none"))
