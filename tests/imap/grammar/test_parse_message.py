"""Commands about messages."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from mailhost.imap.grammar.commands import Command
from mailhost.imap.grammar.commands_message import (
    Copy,
    Expunge,
    Fetch,
    Move,
    Search,
    SearchReturn,
    Sort,
    SortBy,
    SortCriterion,
    Store,
    Thread,
    Threading,
)
from mailhost.imap.grammar.fetch_items import Attribute, BodySection
from mailhost.imap.grammar.search_keys import All, HasFlag, Not
from mailhost.imap.grammar.sequence_set import SAVED, STAR, SequenceSet
from mailhost.message.flags import FlagAction
from mailhost.message.imap.content_keys import FieldContains
from tests.imap.grammar.reading import fault, parsed, tagged

of = SequenceSet.of
UID, FLAGS, MODSEQ = Attribute.UID, Attribute.FLAGS, Attribute.MODSEQ
ADD, REMOVE, REPLACE = FlagAction.ADD, FlagAction.REMOVE, FlagAction.REPLACE
SEEN = ("\\Seen",)
COMMANDS: tuple[tuple[bytes, Command], ...] = (
    (b"FETCH 1 FLAGS", Fetch(False, of(1), (FLAGS,))),
    (b"FETCH 9:3 (FLAGS)", Fetch(False, of((3, 9)), (FLAGS,))),
    (b"FETCH $ BODY[]", Fetch(False, SAVED, (BodySection(b"BODY[]"),))),
    (b"UID FETCH 1:* (FLAGS)", Fetch(True, of((1, STAR)), (UID, FLAGS))),
    (b"uid fetch 1,3,5:7 (FLAGS UID)", Fetch(True, of(1, 3, (5, 7)), (FLAGS, UID))),
    # CHANGEDSINCE is answered with MODSEQ
    (b"FETCH 1:* (FLAGS) (CHANGEDSINCE 5)", Fetch(False, of((1, STAR)), (FLAGS, MODSEQ), 5)),
    (b"UID FETCH 1:* (UID FLAGS) (CHANGEDSINCE 0 VANISHED)",
     Fetch(True, of((1, STAR)), (UID, FLAGS, MODSEQ), 0, True)),
    (b"UID FETCH 1 FLAGS (VANISHED CHANGEDSINCE 7)",
     Fetch(True, of(1), (UID, FLAGS, MODSEQ), 7, True)),
    (b"STORE 1 FLAGS (\\seen)", Store(False, of(1), REPLACE, SEEN)),
    (b"STORE 1 +flags \\Seen $x", Store(False, of(1), ADD, ("\\Seen", "$x"))),
    (b"UID STORE 1:* -FLAGS.SILENT (\\Seen)", Store(True, of((1, STAR)), REMOVE, SEEN, True)),
    (b"STORE 1 FLAGS ()", Store(False, of(1), REPLACE, ())),
    (b"STORE 7,5,9 (UNCHANGEDSINCE 320162338) +FLAGS.SILENT (\\Seen)",
     Store(False, of(7, 5, 9), ADD, SEEN, True, 320162338)),
    (b"STORE 1 (UNCHANGEDSINCE 0) +FLAGS (\\Seen)", Store(False, of(1), ADD, SEEN, False, 0)),
    (b"COPY 2:4 a", Copy(False, of((2, 4)), "a")),
    (b"UID COPY $ inbox", Copy(True, SAVED, "INBOX")),
    (b"MOVE 2:4 a", Move(False, of((2, 4)), "a")),
    (b'UID MOVE 2 "a b"', Move(True, of(2), "a b")),
    (b"EXPUNGE", Expunge()),
    (b"UID EXPUNGE 3000:3002", Expunge(of((3000, 3002)))),
    (b"SEARCH UNSEEN", Search(False, Not(HasFlag("\\Seen")))),
    (b"UID SEARCH ALL", Search(True, All())),
    (b"SEARCH RETURN () ALL", Search(False, All(), frozenset({SearchReturn.ALL}))),
    (b"SEARCH RETURN (min MAX ALL COUNT SAVE) ALL", Search(False, All(), frozenset(SearchReturn))),
    (b"SEARCH RETURN (COUNT) CHARSET UTF-8 FROM x",
     Search(False, FieldContains("From", "x"), frozenset({SearchReturn.COUNT}))),
    (b"SORT (SUBJECT REVERSE DATE) UTF-8 ALL",
     Sort(False, (SortCriterion(SortBy.SUBJECT), SortCriterion(SortBy.DATE, True)), All())),
    (b"UID SORT (ARRIVAL) US-ASCII UNSEEN",
     Sort(True, (SortCriterion(SortBy.ARRIVAL),), Not(HasFlag("\\Seen")))),
    (b"THREAD references UTF-8 ALL", Thread(False, Threading.REFERENCES, All())),
    (b"UID THREAD ORDEREDSUBJECT UTF-8 FROM x",
     Thread(True, Threading.ORDEREDSUBJECT, FieldContains("From", "x"))),
)  # fmt: skip


class MessageCommandTests(SynchronousTestCase):
    def test_commands(self) -> None:
        for text, command in COMMANDS:
            self.assertEqual(command, parsed(text), text)

    def test_names(self) -> None:
        self.assertEqual(b"UID FETCH", tagged(b"a uid Fetch 1 UID\r\n").name)
        self.assertEqual(b"FETCH", tagged(b"a fetch 1 UID\r\n").name)

    def test_no_commands(self) -> None:
        for text in (
            b"FETCH", b"FETCH 1", b"FETCH x FLAGS", b"FETCH 1 (FLAGS) x", b"FETCH 1 FLAGS ()",
            b"FETCH 1 FLAGS (FOO)", b"FETCH 1 FLAGS (CHANGEDSINCE)", b"FETCH 1 FLAGS (VANISHED)",
            b"FETCH 1 FLAGS (CHANGEDSINCE 1 VANISHED)", b"UID FETCH 1 FLAGS (VANISHED)",
            b"STORE 1", b"STORE 1 (\\Seen)", b"STORE 1 *FLAGS (\\Seen)", b"STORE 1 FLAGS",
            b"STORE 1 +FLAGS (\\Recent)", b"STORE 1 (FOO 1) +FLAGS (\\Seen)",
            b"STORE 1 FLAGS.LOUD a",
            b"STORE 1 (UNCHANGEDSINCE x) FLAGS a", b"COPY 1", b"COPY a 1", b"EXPUNGE 1",
            b"UID EXPUNGE", b"SEARCH", b"SEARCH RETURN ALL", b"SEARCH RETURN (FOO) ALL", b"SORT",
            b"SORT () UTF-8 ALL", b"SORT (FOO) UTF-8 ALL", b"SORT (REVERSE) UTF-8 ALL",
            b"SORT (DATE) ALL", b"THREAD FOO UTF-8 ALL", b"THREAD REFERENCES UTF-8", b"UID NOOP",
            b"UID", b"UID 1", b"UID  FETCH 1 FLAGS",
        ):  # fmt: skip
            fault(text)
