"""SEARCH as a client sees it, upon the real store."""

from __future__ import annotations

import os
import re
from pathlib import Path

from twisted.internet.error import ConnectionLost
from twisted.trial.unittest import SynchronousTestCase

from mailhost.imap.grammar.cursor import Mode
from mailhost.imap.progress import FIRST
from mailhost.interfaces.folders import Reason, StoreRefusal
from mailhost.store.maildir.folder import account_folder
from tests.fake_wire import drive
from tests.imap.searching.sessions import ANN, DAY, NOW, Session, mail

HTML = mail(
    "Subject: Offer",
    "Content-Type: text/html; charset=iso-8859-1",
    body="<p>A <b>fr</b>ee lunch&#33; <i>caf&eacute;</i></p>",
)
BASE64 = mail(
    "Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=",
    "From: =?utf-8?b?SsO2cmc=?= <jorg@far.example>",
    "Date: Mon, 7 Feb 2022 23:30:00 -0800",
    "Content-Type: text/plain; charset=utf-8",
    "Content-Transfer-Encoding: base64",
    body="U2Now7ZuZSBHcsO8w59lIGF1cyBCZXJsaW4=",  # Schöne Grüße aus Berlin
)
PLAIN = mail(
    "Subject: lunch",
    "From: Sue <sue@far.example>",
    "To: ann@a.example",
    "Bcc: bob@a.example",
    "Date: Tue, 8 Feb 2022 10:00:00 +0000",
    "X-Mailer: Pine",
    body="See you at noon",
)


class SearchTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.session = Session(self.mktemp())
        self.uids = [
            self.session.add(PLAIN, (r"\Seen", "Work"), NOW - 10 * DAY),
            self.session.add(BASE64, (r"\Flagged",), NOW - 2 * DAY),
            self.session.add(HTML, (), NOW - 60),
        ]
        self.session.select()

    def found(self, keys: str, *numbers: int) -> None:
        """Assert what is found, without summaries and with them."""
        self.assertEqual(list(numbers), self.session.search(keys), keys)
        self.session.summaries()
        self.assertEqual(list(numbers), self.session.search(keys), keys)

    def test_flags_and_keywords(self) -> None:
        self.found("SEEN", 1)
        self.found("UNSEEN", 2, 3)
        self.found("FLAGGED UNSEEN", 2)
        self.found("KEYWORD work", 1)
        self.found("UNKEYWORD Work", 2, 3)
        self.found("KEYWORD Nothing")
        self.found("RECENT")
        self.found("OLD", 1, 2, 3)
        self.found("OR SEEN FLAGGED", 1, 2)
        self.found("NOT (OR SEEN FLAGGED)", 3)

    def test_numbers_and_uids(self) -> None:
        self.found("1,3", 1, 3)
        self.found("2:*", 2, 3)
        self.found("7")
        self.found(f"UID {self.uids[1]}:*", 2, 3)

    def test_sizes(self) -> None:
        size = len(PLAIN)
        self.found(f"LARGER {size - 1} SMALLER {size + 1} SEEN", 1)
        self.found(f"SMALLER {size} 1")
        self.found(f"LARGER {size} 1")

    def test_dates_of_arrival(self) -> None:
        self.found("SINCE 13-Jan-2027", 2, 3)
        self.found("ON 5-Jan-2027", 1)
        self.found("BEFORE 5-Jan-2027")
        self.found("YOUNGER 60", 3)
        self.found("OLDER 60", 1, 2, 3)
        self.found("OLDER 61", 1, 2)

    def test_dates_of_sending_leave_the_zone_out_of_account(self) -> None:
        self.found("SENTON 7-Feb-2022", 2)
        self.found("SENTSINCE 8-Feb-2022", 1)
        self.found("SENTBEFORE 9-Feb-2022", 1, 2)
        self.found("NOT SENTBEFORE 9-Feb-2022", 3)

    def test_saved_dates(self) -> None:
        self.found("SAVEDON 15-Jan-2027", 1, 2, 3)
        self.found("SAVEDBEFORE 15-Jan-2027")
        self.found("SAVEDATESUPPORTED", 1, 2, 3)

    def test_fields(self) -> None:
        self.found("FROM sue", 1)
        self.found('FROM "JÖRG"', 2)
        self.found("SUBJECT lunch", 1)
        self.found('SUBJECT "grüsse"', 2)
        self.found("BCC bob", 1)
        self.found("TO nobody")
        self.found("HEADER x-mailer PINE", 1)
        self.found('HEADER X-Mailer ""', 1)
        self.found('HEADER date ""', 1, 2)
        self.found('NOT HEADER date ""', 3)

    def test_texts(self) -> None:
        self.found("BODY noon", 1)
        self.found("BODY lunch", 3)
        self.found("TEXT lunch", 1, 3)
        self.found("TEXT berlin", 2)
        self.found("BODY FREE", 3)
        self.found("BODY lunch!", 3)
        self.found('BODY "café"', 3)
        self.found("TEXT x-mailer", 1)
        self.found('TEXT "jörg"', 2)
        self.found("TEXT nothing-of-the-kind")
        self.found('BODY ""', 1, 2, 3)

    def test_what_is_cheap_and_what_is_dear_go_together(self) -> None:
        self.found("UNSEEN TEXT lunch", 3)
        self.found("OR SEEN TEXT berlin", 1, 2)
        self.found("OR (SUBJECT lunch BODY noon) (SENTON 7-Feb-2022 FLAGGED)", 1, 2)
        self.found("NOT TEXT lunch", 2)
        self.found("NOT (UNSEEN TEXT lunch)", 1, 2)
        self.found("OR SUBJECT offer OR FROM jorg BODY noon", 1, 2, 3)

    def test_object_ids(self) -> None:
        answer = self.session.say("t FETCH 2 (EMAILID THREADID)")
        email, thread = (part.partition(")")[0] for part in answer.split("(")[2:4])
        self.found(f"EMAILID {email}", 2)
        self.found(f"THREADID {thread}", 2)
        self.found("EMAILID Mnone")
        self.found("THREADID Tnone")

    def test_uids_are_answered(self) -> None:
        numbers = " ".join(map(str, self.uids[1:]))
        self.assertEqual(
            f"* SEARCH {numbers}\r\nt OK Searched\r\n", self.session.say("t UID SEARCH UNSEEN")
        )

    def test_nothing_found_is_one_line_too(self) -> None:
        self.assertEqual("* SEARCH\r\nt OK Searched\r\n", self.session.say("t SEARCH DRAFT"))

    def test_charsets(self) -> None:
        self.found('CHARSET UTF-8 SUBJECT "grüße"', 2)
        answer = self.session.say("t SEARCH CHARSET KLINGON SUBJECT x")
        self.assertIn("t NO [BADCHARSET (UTF-8 US-ASCII)]", answer)

    def test_messages_that_another_program_renamed_or_removed(self) -> None:
        cur = Path(account_folder(self.session.folder_of_mail, ANN)) / "cur"
        names = sorted(os.listdir(cur))
        first = next(name for name in names if (cur / name).read_bytes() == PLAIN)
        html = next(name for name in names if (cur / name).read_bytes() == HTML)
        os.rename(cur / first, cur / f"{first.partition(':')[0]}:2,RS")
        os.unlink(cur / html)
        self.assertEqual([1], self.session.search("TEXT lunch"))

    def test_a_message_that_this_client_was_not_told_of(self) -> None:
        self.session.add(PLAIN)
        self.assertEqual([1], self.session.search("BODY noon"))
        self.assertEqual([1, 4], self.session.search("BODY noon"))

    def test_a_message_that_is_gone_keeps_its_number(self) -> None:
        other = Session(self.session.folder_of_mail)
        other.select()
        other.say(r"t STORE 1 +FLAGS (\Deleted)")
        other.say("t EXPUNGE")
        self.session.clock.advance(5)
        self.assertEqual([2, 3], self.session.search("1:*"))
        self.assertEqual([2], self.session.search("2"))
        self.assertEqual([3], self.session.search("3"))
        self.assertIn("* 1 EXPUNGE\r\n", self.session.say("t NOOP"))
        self.assertEqual([1, 2], self.session.search("1:*"))


class ESearchTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.session = Session(self.mktemp())
        for number in range(5):
            self.session.add(PLAIN, (r"\Seen",) if number % 2 else ())
        self.session.select()

    def test_all_return_options(self) -> None:
        self.assertEqual(
            '* ESEARCH (TAG "t") MIN 1 MAX 5 ALL 1,3,5 COUNT 3\r\nt OK Searched\r\n',
            self.session.say("t SEARCH RETURN (MIN MAX ALL COUNT) UNSEEN"),
        )
        self.assertEqual(
            '* ESEARCH (TAG "t") UID ALL 1:5\r\nt OK Searched\r\n',
            self.session.say("t UID SEARCH RETURN () ALL"),
        )

    def test_nothing_found(self) -> None:
        self.assertEqual(
            '* ESEARCH (TAG "t") COUNT 0\r\nt OK Searched\r\n',
            self.session.say("t SEARCH RETURN (MIN MAX ALL COUNT) DRAFT"),
        )

    def test_rev2_is_always_answered_so(self) -> None:
        self.session.context.mode = Mode(True, False)
        self.assertEqual(
            '* ESEARCH (TAG "t") ALL 2,4\r\nt OK Searched\r\n', self.session.say("t SEARCH SEEN")
        )

    def test_saved_results(self) -> None:
        self.assertEqual("t OK Searched\r\n", self.session.say("t SEARCH RETURN (SAVE) UNSEEN"))
        self.assertEqual([1, 3, 5], self.session.search("$"))
        self.assertEqual([3, 5], self.session.search("UID $ 2:*"))
        self.session.say("t SEARCH RETURN (SAVE MIN) SEEN")
        self.assertEqual([2], self.session.search("$"))
        self.session.say("t SEARCH RETURN (SAVE MIN MAX) SEEN")
        self.assertEqual([2, 4], self.session.search("$"))
        self.session.say("t SEARCH RETURN (SAVE COUNT) ALL")
        self.session.say(r"t STORE $ +FLAGS.SILENT (\Flagged)")
        self.assertEqual([1, 2, 3, 4, 5], self.session.search("FLAGGED"))

    def test_a_search_that_is_refused_empties_the_saved_result(self) -> None:
        self.session.say("t SEARCH RETURN (SAVE) ALL")
        path = account_folder(self.session.folder_of_mail, ANN)
        os.rename(path, f"{path}.away")
        self.session.clock.advance(5)
        self.assertIn("t NO ", self.session.say("t SEARCH RETURN (SAVE) UNSEEN"))
        selected = self.session.context.selected
        self.assertTrue(selected is None or selected.saved == ())

    def test_modseq(self) -> None:
        answer = self.session.say("t FETCH 1:5 (MODSEQ)")
        modseqs = [int(found) for found in re.findall(r"FETCH \(MODSEQ \((\d+)\)\)", answer)]
        self.assertEqual(
            f"* SEARCH 3 4 5 (MODSEQ {modseqs[4]})\r\nt OK Searched\r\n",
            self.session.say(f"t SEARCH MODSEQ {modseqs[2]}"),
        )
        self.assertEqual(
            f'* ESEARCH (TAG "t") MIN 3 MODSEQ {modseqs[2]}\r\nt OK Searched\r\n',
            self.session.say(f't SEARCH RETURN (MIN) MODSEQ "/flags/\\\\Seen" all {modseqs[2]}'),
        )
        self.assertEqual(
            "* SEARCH\r\nt OK Searched\r\n", self.session.say(f"t SEARCH MODSEQ {modseqs[4] + 1}")
        )


class LongSearchTests(SynchronousTestCase):
    """The clock goes on by FIRST with each part that the store looks at."""

    def setUp(self) -> None:
        self.session = Session(self.mktemp())
        self.uids = [self.session.add(PLAIN) for _ in range(3)]
        self.session.select()
        selected = self.session.context.selected
        assert selected is not None
        self.folder = selected.folder
        self.parts = 0
        self.patch(type(self.folder), "matching", self.matching(type(self.folder).matching))

    def matching(self, real):  # type: ignore[no-untyped-def]
        """One message at a time."""

        async def matching(folder, uids, key):  # type: ignore[no-untyped-def]
            self.parts += 1
            self.session.clock.advance(FIRST)
            return await real(folder, uids[:1], key)

        return matching

    def test_progress_is_told(self) -> None:
        answer = self.session.say("t SEARCH TEXT noon")
        self.assertIn('* OK [INPROGRESS ("t" 1 3)] Still searching\r\n', answer)
        self.assertIn('* OK [INPROGRESS ("t" 2 3)] Still searching\r\n', answer)
        self.assertTrue(answer.endswith("* SEARCH 1 2 3\r\nt OK Searched\r\n"))

    def test_it_ends_when_the_client_is_gone(self) -> None:
        async def lost(chunks: object) -> None:
            self.session.lost()

        self.patch(self.session.wire, "stream", lost)
        ending = drive(self.session.machine, b"t SEARCH TEXT noon\r\n")
        self.failureResultOf(ending, ConnectionLost)
        self.assertEqual(2, self.parts)

    def test_a_refusal_of_the_store(self) -> None:
        async def refused(*_: object) -> StoreRefusal:
            return StoreRefusal(Reason.UNAVAILABLE, "Not now")

        self.patch(type(self.folder), "matching", refused)
        self.assertEqual("t NO [UNAVAILABLE] Not now\r\n", self.session.say("t SEARCH TEXT noon"))
