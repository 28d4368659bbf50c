"""SORT as a client sees it, upon the real store."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.imap.searching.sessions import DAY, NOW, Session, mail


class SortTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.session = Session(self.mktemp())
        fields = [
            ("Re: beta", "zoe@far.example", "Tue, 8 Feb 2022 10:00:00 +0000", "x" * 10, 3),
            ("Alpha", "Amy <bob@far.example>", "Tue, 8 Feb 2022 10:00:00 +0100", "x" * 30, 2),
            ("beta", "amy@far.example", "no date", "x" * 20, 1),
            ("[list] alpha (fwd)", "carl@far.example", "Mon, 7 Feb 2022 10:00:00 +0000", "", 4),
        ]
        for subject, sender, date, body, days in fields:
            octets = mail(
                f"Subject: {subject}",
                f"From: {sender}",
                f"To: {sender}",
                f"Date: {date}",
                body=body,
            )
            self.session.add(octets, (), NOW - days * DAY)
        self.session.select()

    def sorted_by(self, criteria: str, *numbers: int) -> None:
        shown = " ".join(map(str, ("* SORT", *numbers)))
        answer = self.session.say(f"t SORT ({criteria}) UTF-8 ALL")
        self.assertEqual(f"{shown}\r\nt OK Sorted\r\n", answer, criteria)

    def test_each_criterion(self) -> None:
        self.sorted_by("ARRIVAL", 4, 1, 2, 3)
        self.sorted_by("DATE", 4, 2, 1, 3)
        self.sorted_by("FROM", 3, 2, 4, 1)
        self.sorted_by("TO", 3, 2, 4, 1)
        self.sorted_by("CC", 1, 2, 3, 4)
        self.sorted_by("SUBJECT", 2, 4, 1, 3)
        self.sorted_by("REVERSE ARRIVAL", 3, 2, 1, 4)
        size = self.session.say("t SORT (SIZE) UTF-8 2:3")
        self.assertEqual("* SORT 3 2\r\nt OK Sorted\r\n", size)

    def test_equal_messages_keep_their_order_also_in_reverse(self) -> None:
        self.sorted_by("REVERSE SUBJECT", 1, 3, 2, 4)
        self.sorted_by("REVERSE CC", 1, 2, 3, 4)

    def test_several_criteria(self) -> None:
        self.sorted_by("SUBJECT ARRIVAL", 4, 2, 1, 3)
        self.sorted_by("SUBJECT REVERSE ARRIVAL", 2, 4, 3, 1)

    def test_keys_charsets_and_uids(self) -> None:
        self.session.say("t STORE 1 +FLAGS (\\Deleted)")
        self.session.say("t EXPUNGE")
        answer = self.session.say("t UID SORT (SUBJECT) US-ASCII NOT SUBJECT beta")
        self.assertEqual("* SORT 2 4\r\nt OK Sorted\r\n", answer)
        self.assertEqual("* SORT\r\nt OK Sorted\r\n", self.session.say("t SORT (DATE) UTF-8 DRAFT"))
        refused = self.session.say("t SORT (DATE) KLINGON ALL")
        self.assertIn("t NO [BADCHARSET", refused)

    def test_modseq(self) -> None:
        fetched = self.session.say("t FETCH 4 (MODSEQ)")
        modseq = fetched.split("MODSEQ (")[1].partition(")")[0]
        answer = self.session.say("t SORT (ARRIVAL) UTF-8 MODSEQ 1")
        self.assertEqual(f"* SORT 4 1 2 3 (MODSEQ {modseq})\r\nt OK Sorted\r\n", answer)
