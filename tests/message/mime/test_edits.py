"""Edits by offset."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from mailhost.message.mime.edits import Edit, apply


class EditTests(SynchronousTestCase):
    def test_in_any_order(self) -> None:
        edits = [Edit(3, 4, b"D"), Edit(0, 1, b""), Edit(1, 1, b"+")]
        self.assertEqual(apply(b"abcd", edits), b"+bcD")

    def test_nothing_to_do(self) -> None:
        message = bytes(range(256))
        self.assertIs(apply(message, []), message)

    def test_overlapping(self) -> None:
        self.assertRaises(ValueError, apply, b"abcd", [Edit(0, 2, b""), Edit(1, 3, b"")])
