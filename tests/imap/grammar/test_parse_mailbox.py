"""Commands about mailboxes."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from mailhost.imap.grammar.commands import Command
from mailhost.imap.grammar.commands_mailbox import (
    Check,
    Close,
    Create,
    Delete,
    GetQuota,
    GetQuotaRoot,
    QResync,
    Rename,
    Select,
    SetQuota,
    Status,
    StatusItem,
    Subscribe,
    Unselect,
    Unsubscribe,
)
from mailhost.imap.grammar.sequence_set import SequenceSet
from tests.imap.grammar.reading import UTF8, fault, parsed

of = SequenceSet.of
FOUR = of((1, 5), 9)
COMMANDS: tuple[tuple[bytes, Command], ...] = (
    (b"SELECT inbox", Select("INBOX")),
    (b'EXAMINE "a b"', Select("a b", read_only=True)),
    (b"SELECT {5}\r\nInBox", Select("INBOX")),
    (b"SELECT INBOX (CONDSTORE)", Select("INBOX", condstore=True)),
    # eM Client sends both
    (b"SELECT INBOX (CONDSTORE QRESYNC (1 1))", Select("INBOX", False, True, QResync(1, 1))),
    (b"SELECT INBOX (QRESYNC (1 1) CONDSTORE)", Select("INBOX", False, True, QResync(1, 1))),
    (b"SELECT INBOX (qresync (67890007 90060115194045000 1:5,9))",
     Select("INBOX", qresync=QResync(67890007, 90060115194045000, FOUR))),
    (b"SELECT INBOX (QRESYNC (1 2 1:5,9 (1,2 3,4)))",
     Select("INBOX", qresync=QResync(1, 2, FOUR, of(1, 2), of(3, 4)))),
    (b"SELECT INBOX (QRESYNC (1 2 (1,2 3,4)))",
     Select("INBOX", qresync=QResync(1, 2, None, of(1, 2), of(3, 4)))),
    (b"CREATE a/b", Create("a/b")),
    (b"CREATE a (USE (\\Sent \\drafts))", Create("a", ("\\Sent", "\\Drafts"))),
    (b"CREATE a (USE ())", Create("a")),
    (b"DELETE a", Delete("a")),
    (b"RENAME a INBOX", Rename("a", "INBOX")),
    (b"SUBSCRIBE a", Subscribe("a")),
    (b"UNSUBSCRIBE a", Unsubscribe("a")),
    (b"STATUS Entw&APw-rfe (messages UIDNEXT MESSAGES)",
     Status("Entwürfe", (StatusItem.MESSAGES, StatusItem.UIDNEXT))),
    (b"CHECK", Check()),
    (b"CLOSE", Close()),
    (b"UNSELECT", Unselect()),
    (b'GETQUOTA ""', GetQuota("")),
    (b"GETQUOTAROOT INBOX", GetQuotaRoot("INBOX")),
    (b'SETQUOTA "" (STORAGE 512 message 5)', SetQuota("", (("STORAGE", 512), ("MESSAGE", 5)))),
    (b'SETQUOTA "" ()', SetQuota("", ())),
)  # fmt: skip


class MailboxCommandTests(SynchronousTestCase):
    def test_commands(self) -> None:
        for text, command in COMMANDS:
            self.assertEqual(command, parsed(text), text)

    def test_status_items(self) -> None:
        for item in StatusItem:
            self.assertEqual(Status("a", (item,)), parsed(b"STATUS a (%b)" % item.value))

    def test_utf8(self) -> None:
        self.assertEqual(Rename("ä", "&-"), parsed('RENAME "ä" &-'.encode(), UTF8))

    def test_no_commands(self) -> None:
        for text in (
            b"SELECT", b"SELECT a b", b"SELECT a ()", b"SELECT a (FOO)", b"SELECT a (CONDSTORE",
            b"SELECT a (CONDSTORE CONDSTORE)", b"SELECT a (QRESYNC (1 1) QRESYNC (1 1))",
            b"SELECT a (QRESYNC)", b"SELECT a (QRESYNC (1))", b"SELECT a (QRESYNC (1 1 1:*))",
            b"SELECT a (QRESYNC (1 1 ))", b"SELECT a (QRESYNC (1 1 1 ))", b"CREATE a (USE)",
            b"CREATE a (FOO (a))", b"CREATE a (USE (\\Sent) USE (\\Junk))", b"CREATE a (USE (Sent)",
            b"RENAME a", b"STATUS a", b"STATUS a ()", b"STATUS a (FOO)", b"STATUS a MESSAGES",
            b"SETQUOTA a", b"SETQUOTA a (STORAGE)", b"SETQUOTA a (STORAGE x)", b"DELETE a b",
        ):  # fmt: skip
            fault(text)
