"""Commands of real clients, cut in any way, and that servers tripped over."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from mailhost.imap.grammar.commands import Command
from mailhost.imap.grammar.commands_mailbox import (
    Append,
    AppendMessage,
    List,
    QResync,
    Select,
    StatusItem,
)
from mailhost.imap.grammar.commands_message import Fetch, Search
from mailhost.imap.grammar.commands_session import Authenticate, Idle, Logout, Noop
from mailhost.imap.grammar.cursor import REV1, Mode
from mailhost.imap.grammar.fetch_items import Attribute, BodySection, Partial
from mailhost.imap.grammar.reader import AFTER_LOGIN, Announced, CommandReader, Complete
from mailhost.imap.grammar.sequence_set import SequenceSet
from mailhost.imap.grammar.table import is_done, read_announced, read_command
from mailhost.message.imap.content_keys import FieldContains
from tests.fuzz.cutting import result_of_any_cut
from tests.imap.grammar.reading import UTF8

of = SequenceSet.of
Said = Command | str


def session(blocks: list[bytes], mode: Mode = REV1) -> list[Said]:
    """Return the commands, `DONE`, and `+` for each continuation request."""
    reader = CommandReader(AFTER_LOGIN)
    found: list[Said] = []
    for block in blocks:
        reader.receive(block)
        while (event := reader.next()) is not None:
            if isinstance(event, Announced):
                found += ["+"] if event.waiting else []
                if read_announced(event.parts, mode):
                    reader.stream()
                else:
                    reader.accept()
            elif isinstance(event, Complete):
                done = is_done(event.parts)
                found.append("DONE" if done else read_command(event.parts, mode).command)
    return found


class ClientTests(SynchronousTestCase):
    def check(self, octets: bytes, said: list[Said], mode: Mode = REV1) -> None:
        """The result does not depend on the cut."""
        self.assertEqual(said, result_of_any_cut(octets, lambda blocks: session(blocks, mode)))

    def test_commands_behind_done(self) -> None:
        """iOS 18 sends DONE and the next commands in one packet."""
        fetch = Fetch(True, of(7, 9, 12), (Attribute.UID, Attribute.FLAGS))
        self.check(
            b"a1 IDLE\r\nDONE\r\na2 NOOP\r\na3 UID FETCH 7,9,12 (FLAGS)\r\na4 IDLE\r\n",
            [Idle(), "DONE", Noop(), fetch, Idle()],
        )

    def test_a_command_in_place_of_done(self) -> None:
        """iOS sends a tagged command in IDLE; a client that gives up SCRAM sends LOGOUT."""
        self.check(b"a1 IDLE\r\na2 NOOP\r\n", [Idle(), Noop()])
        plus = Authenticate(b"SCRAM-SHA-256-PLUS", b"=")
        self.check(b"A1 AUTHENTICATE SCRAM-SHA-256-PLUS =\r\nA2 LOGOUT\r\n", [plus, Logout()])

    def test_slices_of_a_part(self) -> None:
        """iOS slices BODY[1]; the answer to a slice behind the end has the same label."""
        item = BodySection(b"BODY[1]<393216>", (1,), partial=Partial(393216, 131072), peek=True)
        fetch = Fetch(True, of(5), (Attribute.UID, item))
        self.check(b"a UID FETCH 5 (BODY.PEEK[1]<393216.131072>)\r\n", [fetch])

    def test_both_parameters_of_select(self) -> None:
        """eM Client."""
        select = Select("INBOX", condstore=True, qresync=QResync(1, 1))
        self.check(b"a SELECT INBOX (CONDSTORE QRESYNC (1 1))\r\na NOOP\r\n", [select, Noop()])

    def test_list_with_status(self) -> None:
        """Apple Mail."""
        listing = List(
            "", ("*",), True, return_special_use=True, return_status=(StatusItem.UNSEEN,)
        )
        self.check(b'a LIST "" "*" RETURN (SPECIAL-USE STATUS (UNSEEN))\r\n', [listing])

    def test_append_of_utf8(self) -> None:
        """Thunderbird, for each message that it sends after ENABLE UTF8=ACCEPT."""
        wrapped = Append("Sent", (AppendMessage(9, ("\\Seen",), None, True, True),))
        self.check(
            b"a append Sent (\\Seen) UTF8 (~{9}\r\nTo: x\r\n\r\n)\r\na NOOP\r\n",
            ["+", wrapped, Noop()],
            UTF8,
        )
        plain = Append("Sent", (AppendMessage(9, ("\\Seen",)),))
        self.check(b'a append "Sent" (\\Seen) {9}\r\nTo: x\r\n\r\n\r\n', ["+", plain], UTF8)

    def test_search_with_a_literal(self) -> None:
        """MailKit."""
        search = Search(False, FieldContains("Subject", "жюж"))
        octets = "a SEARCH CHARSET UTF-8 SUBJECT {6}\r\nжюж\r\n".encode()
        self.check(octets, ["+", search])
