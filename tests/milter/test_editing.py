"""The edits of a filter, applied to a message and to its envelope."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from mailhost.message.content import Content
from mailhost.milter.editing import edited, edited_envelope
from mailhost.milter.edits import (
    AddField,
    AddRecipient,
    ChangeField,
    ChangeSender,
    Edit,
    Edits,
    InsertField,
    RemoveRecipient,
    ReplaceBody,
)
from tests.fakes import address, envelope

CONTENT = Content((b"A: 1\r\nB: 2\r\nA: 3\r\n\r\nbody\n",))


class ContentTests(SynchronousTestCase):
    def edited(self, *changes: Edit) -> bytes:
        """Return the octets of the message after these edits."""
        return edited(CONTENT, Edits(changes)).read()

    def test_a_message_without_edits_is_the_same_object(self) -> None:
        self.assertIs(CONTENT, edited(CONTENT, Edits()))
        self.assertIs(CONTENT, edited(CONTENT, Edits((ChangeField(1, b"X", None),))))

    def test_fields_are_added_and_inserted(self) -> None:
        self.assertIn(b"A: 3\r\nC: 4\r\n\r\nbody\n", self.edited(AddField(b"C", b" 4")))
        for index, start in (
            (0, b"C: 4\r\nA: 1\r\n"),
            (1, b"A: 1\r\nC: 4\r\nB"),
            (9, b"A: 1\r\nB"),
        ):
            octets = self.edited(InsertField(index, b"C", b" 4"))
            self.assertTrue(octets.startswith(start), octets)
            self.assertIn(b"C: 4\r\n", octets)

    def test_fields_are_changed_by_number_and_removed(self) -> None:
        octets = self.edited(ChangeField(2, b"a", b" 9"))
        self.assertEqual(b"A: 1\r\nB: 2\r\nA: 9\r\n\r\nbody\n", octets)
        octets = self.edited(ChangeField(1, b"A", None), ChangeField(2, b"A", b" 9"))
        self.assertEqual(b"B: 2\r\nA: 9\r\n\r\nbody\n", octets)
        self.assertIn(b"A: 3\r\nA: 9\r\n\r\n", self.edited(ChangeField(3, b"A", b" 9")))

    def test_the_body_is_replaced(self) -> None:
        octets = self.edited(ReplaceBody(b"new\r\n"))
        self.assertEqual(b"A: 1\r\nB: 2\r\nA: 3\r\n\r\nnew\r\n", octets)


class EnvelopeTests(SynchronousTestCase):
    def test_addresses(self) -> None:
        before = envelope("ann@a.example", "bob@a.example")
        eve, bob = address("eve@far.example"), address("bob@a.example")
        changes = (ChangeSender(None), RemoveRecipient(bob), AddRecipient(eve), AddRecipient(eve))
        after = edited_envelope(before, Edits(changes))
        self.assertIsNone(after.reverse_path)
        recipients = [str(path.address) for path in after.recipients]
        self.assertEqual(["ann@a.example", "eve@far.example"], recipients)
