"""The kind of content: 7-bit text, 8-bit text, or octets that need BINARYMIME."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailhost.message.envelope import Body
from mailhost.smtp.server.body import LONGEST_LINE, BodyReader

LONGEST = b"x" * LONGEST_LINE + b"\r\n"


def kind(*blocks: bytes) -> Body:
    """Return the kind of the content in these blocks."""
    reader = BodyReader()
    for block in blocks:
        reader.feed(block)
    return reader.end()


class BodyTests(SynchronousTestCase):
    def test_text(self) -> None:
        self.assertIs(Body.SEVEN_BIT, kind())
        self.assertIs(Body.SEVEN_BIT, kind(LONGEST * 2, b"no line end"))
        self.assertIs(Body.EIGHT_BIT, kind(LONGEST, b"\xfc\r\n"))

    def test_octets_that_no_text_contains(self) -> None:
        for content in (b"x" + LONGEST, b"a\0\r\n", b"a\nb\r\n", b"a\rb\r\n", b"a\r", b"x" * 1000):
            self.assertIs(Body.BINARY, kind(content), content[:10])

    def test_binary_content_is_known_before_its_end(self) -> None:
        reader = BodyReader()
        reader.feed(LONGEST)
        self.assertFalse(reader.binary)
        reader.feed(b"x" * LONGEST_LINE + b"xx")
        self.assertTrue(reader.binary)

    @given(st.lists(st.sampled_from([b"a", b"\r", b"\n", b"\r\n", b"\0", b"\xfc", b"x" * 500])))
    def test_any_cut_gives_the_same(self, blocks: list[bytes]) -> None:
        self.assertIs(kind(b"".join(blocks)), kind(*blocks))
