"""THREAD as a client sees it, upon the real store."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.imap.searching.sessions import Session, mail


class ThreadTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.session = Session(self.mktemp())
        for number, (subject, references) in enumerate(
            [
                ("a", ""),
                ("Re: a", "<1@x>"),
                ("b", ""),
                ("Re: a", "<1@x> <2@x>"),
                ("Re: b", "<9@x>"),
            ],
            1,
        ):
            fields = [f"Subject: {subject}", f"Message-ID: <{number}@x>"]
            fields += [f"References: {references}"] if references else []
            fields += [f"Date: {number} Feb 2022 10:00:00 +0000"]
            self.session.add(mail(*fields))
        self.session.select()

    def test_references(self) -> None:
        self.assertEqual(
            "* THREAD (1 2 4)(3 5)\r\nt OK Threaded\r\n",
            self.session.say("t THREAD REFERENCES UTF-8 ALL"),
        )

    def test_ordered_subject(self) -> None:
        self.assertEqual(
            "* THREAD (1 (2)(4))(3 5)\r\nt OK Threaded\r\n",
            self.session.say("t THREAD ORDEREDSUBJECT UTF-8 ALL"),
        )

    def test_a_part_of_the_messages_by_uid(self) -> None:
        self.assertEqual(
            "* THREAD (2 4)(3)\r\nt OK Threaded\r\n",
            self.session.say("t UID THREAD REFERENCES UTF-8 2:4"),
        )
        self.assertEqual(
            "* THREAD\r\nt OK Threaded\r\n", self.session.say("t THREAD REFERENCES UTF-8 DRAFT")
        )

    def test_thread_ids(self) -> None:
        answer = self.session.say("t FETCH 1:5 (THREADID)")
        threads = [line.partition("THREADID (")[2].rstrip(")") for line in answer.split("\r\n")[:5]]
        self.assertEqual(threads[0], threads[1])
        self.assertEqual(threads[0], threads[3])
        self.assertEqual(3, len(set(threads)))
