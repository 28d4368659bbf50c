"""The commands of the TRANSACTION state, and the removal of marked messages at QUIT."""

from __future__ import annotations

from tests.pop3.session_case import SessionCase


class Transaction(SessionCase):
    def setUp(self) -> None:
        super().setUp()
        self.log_in()

    def test_stat_list_and_uidl(self) -> None:
        self.assertEqual("+OK 3 57\r\n", self.say("STAT"))
        self.assertEqual("+OK 3 messages\r\n1 26\r\n2 25\r\n3 6\r\n.\r\n", self.say("LIST"))
        self.assertEqual("+OK 2 25\r\n", self.say("LIST 2"))
        self.assertEqual("+OK 3 messages\r\n1 u1\r\n2 u2\r\n3 u3\r\n.\r\n", self.say("UIDL"))
        self.assertEqual("+OK 3 u3\r\n", self.say("UIDL 3"))

    def test_retr_stuffs_dots_and_ends_lines(self) -> None:
        self.assertEqual(
            "+OK 26 octets\r\nSubject: one\r\n\r\n..dot\r\n...\r\n.\r\n", self.say("RETR 1")
        )
        self.assertEqual("+OK 6 octets\r\nno end\r\n.\r\n", self.say("RETR 3"))

    def test_top(self) -> None:
        for count, body in ((0, ""), (1, "a\r\n"), (3, "a\r\nb\r\nc\r\n"), (99, "a\r\nb\r\nc\r\n")):
            expected = f"+OK Top of the message follows\r\nSubject: two\r\n\r\n{body}.\r\n"
            self.assertEqual(expected, self.say(f"TOP 2 {count}"))
        for line in ("TOP 2", "TOP 2 x", "TOP 9 1", "TOP"):
            self.assertTrue(self.say(line).startswith("-ERR"), line)

    def test_numbers_that_are_none(self) -> None:
        for line in (
            "RETR",
            "RETR 0",
            "RETR 4",
            "RETR x",
            "RETR -1",
            "DELE 4",
            "LIST 99",
            "UIDL 0",
        ):
            self.assertTrue(self.say(line).startswith("-ERR"), line)
        self.assertTrue(self.say("RETR " + "9" * 200).startswith("-ERR"))

    def test_deletions_happen_at_quit(self) -> None:
        self.assertEqual("+OK Marked for deletion\r\n", self.say("DELE 1"))
        self.assertTrue(self.say("RETR 1").startswith("-ERR"))
        self.assertTrue(self.say("DELE 1").startswith("-ERR"))
        self.assertEqual("+OK 2 31\r\n", self.say("STAT"))
        self.assertEqual("+OK 2 messages\r\n2 25\r\n3 6\r\n.\r\n", self.say("LIST"))
        self.assertEqual(3, len(self.mailbox.contents))
        self.assertEqual("+OK Goodbye\r\n", self.say("QUIT"))
        self.assertEqual(["u2", "u3"], list(self.mailbox.contents))
        self.assertTrue(self.wire.hung_up)
        self.assertFalse(self.mailbox.locked)

    def test_rset_forgets_marks(self) -> None:
        self.say("DELE 1", "RSET", "QUIT")
        self.assertEqual(3, len(self.mailbox.contents))

    def test_nothing_is_deleted_without_quit(self) -> None:
        for end in (
            lambda: self.session.lost("gone"),
            self.session.timed_out,
            self.session.stopping,
            self.session.failed,
        ):
            self.say("DELE 1")
            end()
            self.session.lost("closed")
            self.assertEqual(3, len(self.mailbox.contents))
            self.assertFalse(self.mailbox.locked)
            self.talk()
            self.log_in()

    def test_messages_that_could_not_be_removed_are_reported(self) -> None:
        self.mailbox.stuck = {"u1"}
        self.assertIn("-ERR [SYS/TEMP] Some deleted", self.say("DELE 1", "DELE 2", "QUIT"))
        self.assertEqual(["u1", "u3"], list(self.mailbox.contents))

    def test_a_message_that_another_program_removed(self) -> None:
        del self.mailbox.contents["u2"]
        self.assertIn("-ERR The message was removed", self.say("RETR 2"))
        self.assertIn("+OK", self.say("NOOP"))
