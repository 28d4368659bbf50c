"""Random octets: an edit by a milter changes nothing else of a message."""

from __future__ import annotations

from hypothesis import assume, given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailhost.message.content import Content
from mailhost.milter.editing import edited
from mailhost.milter.edits import AddField, ChangeField, Edits, InsertField, ReplaceBody
from tests.message.mime.messages import broken, messages

few = settings(deadline=None)


some = messages | broken | st.binary(max_size=100)


class MilterTests(SynchronousTestCase):
    """Edits of milters."""

    @few
    @given(some)
    def test_no_edit(self, octets: bytes) -> None:
        for edits in (Edits(), Edits((ChangeField(1, b"X-Not-There", None),))):
            content = whole(octets)
            self.assertIs(edited(content, edits), content)

    @few
    @given(some)
    def test_a_field_more(self, octets: bytes) -> None:
        assume(has_fields(octets))
        header = whole(octets).header()
        added = edited(whole(octets), Edits((AddField(b"X-New", b" 1"),))).read()
        self.assertEqual(added, header + b"X-New: 1\r\n" + octets[len(header) :])
        first = edited(whole(octets), Edits((InsertField(0, b"X-New", b" 1"),))).read()
        self.assertEqual(first, b"X-New: 1\r\n" + octets)

    @few
    @given(some)
    def test_another_body(self, octets: bytes) -> None:
        header = whole(octets).header()
        new = edited(whole(octets), Edits((ReplaceBody(b"new\r\n"),))).read()
        line_end = b"" if header.endswith(b"\r\n") or not header else b"\r\n"
        self.assertEqual(new, header + line_end + b"\r\nnew\r\n")


def whole(octets: bytes) -> Content:
    """The octets as a message."""
    return Content((octets,))


def has_fields(octets: bytes) -> bool:
    """True for a header of fields alone, as far as its last line."""
    return octets.startswith((b"Received:", b"\r\n"))
