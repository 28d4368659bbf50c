"""LIST, STATUS and quota lines."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from mailhost.imap.grammar.commands_mailbox import StatusItem
from mailhost.imap.grammar.response_mailbox import list_line, quota, quota_root, status_line


class MailboxLineTests(SynchronousTestCase):
    def test_list(self) -> None:
        for line, text in (
            (list_line("", ["\\Noselect"]), b'* LIST (\\Noselect) "/" ""\r\n'),
            (list_line("INBOX"), b'* LIST () "/" INBOX\r\n'),
            (list_line("a", delimiter=None), b"* LIST () NIL a\r\n"),
            (list_line("Entwürfe", ["\\Drafts", "\\Subscribed"]),
             b'* LIST (\\Drafts \\Subscribed) "/" Entw&APw-rfe\r\n'),
            (list_line("Entwürfe", utf8=True), '* LIST () "/" "Entwürfe"\r\n'.encode()),
            (list_line("a b", command=b"LSUB"), b'* LSUB () "/" "a b"\r\n'),
            (list_line("Foo", ["\\NonExistent"], children=["SUBSCRIBED"]),
             b'* LIST (\\NonExistent) "/" Foo ("CHILDINFO" ("SUBSCRIBED"))\r\n'),
            (list_line("new", old_name="old ü"),
             b'* LIST () "/" new ("OLDNAME" ("old &APw-"))\r\n'),
        ):  # fmt: skip
            self.assertEqual(text, line)

    def test_status(self) -> None:
        values = {StatusItem.MESSAGES: 231, StatusItem.UIDNEXT: 44292}
        self.assertEqual(
            b"* STATUS blurdybloop (MESSAGES 231 UIDNEXT 44292)\r\n",
            status_line("blurdybloop", values),
        )
        self.assertEqual(
            b"* STATUS INBOX (MAILBOXID (F1) APPENDLIMIT NIL)\r\n",
            status_line("INBOX", {StatusItem.MAILBOXID: "F1", StatusItem.APPENDLIMIT: None}),
        )

    def test_quota(self) -> None:
        self.assertEqual(
            b'* QUOTA "" (STORAGE 10 512 MESSAGE 20 100)\r\n',
            quota("", [("STORAGE", 10, 512), ("MESSAGE", 20, 100)]),
        )
        self.assertEqual(b'* QUOTA "" ()\r\n', quota("", []))
        self.assertEqual(b'* QUOTAROOT INBOX ""\r\n', quota_root("INBOX", [""]))
        self.assertEqual(b'* QUOTAROOT "a b"\r\n', quota_root("a b", []))
