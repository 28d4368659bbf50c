"""The messages of one session: numbers, marks, removal."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from mailhost.pop3.maildrop import Maildrop
from tests.fakes import now
from tests.pop3.session_case import ANN, store_with_messages


class MaildropTests(SynchronousTestCase):
    def setUp(self) -> None:
        store = store_with_messages()
        self.mailbox = store.inbox(ANN)
        lock = now(store.exclusive(ANN).lock())
        assert lock is not None
        self.drop = Maildrop(self.mailbox, now(self.mailbox.messages()), lock)

    def test_numbers_stay_when_messages_are_marked(self) -> None:
        self.drop.mark(1)
        self.assertEqual([2, 3], [number for number, _ in self.drop])
        self.assertEqual((2, 31), (self.drop.count, self.drop.octets))
        for number in (0, 1, 4):
            self.assertIsNone(self.drop.get(number), number)
        third = self.drop.get(3)
        assert third is not None
        self.assertEqual("u3", third.unique)

    def test_marked_messages_alone_are_removed(self) -> None:
        self.drop.mark(2)
        self.drop.unmark_all()
        self.drop.mark(3)
        self.assertEqual(0, now(self.drop.update()))
        self.assertEqual(["u1", "u2"], list(self.mailbox.contents))

    def test_messages_that_could_not_be_removed_are_counted(self) -> None:
        self.mailbox.stuck = {"u1"}
        self.drop.mark(1)
        self.drop.mark(2)
        self.assertEqual(1, now(self.drop.update()))

    def test_the_lock_is_released(self) -> None:
        self.assertTrue(self.mailbox.locked)
        self.drop.release()
        self.assertFalse(self.mailbox.locked)
