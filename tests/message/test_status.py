"""Statuses: printing, classes of codes, the cause for the log."""

from __future__ import annotations

from dataclasses import replace

from twisted.trial.unittest import SynchronousTestCase

from mailhost.message.status import OK, Status


class StatusTests(SynchronousTestCase):
    def test_printed(self) -> None:
        self.assertEqual(str(Status(550, "5.1.1", "No  such user")), "550 5.1.1 No  such user")
        self.assertEqual(str(Status(220, "", "hello")), "220 hello")
        self.assertEqual(str(Status(250, "2.0.0", "")), "250 2.0.0")

    def test_classes(self) -> None:
        for code, ok, temporary, permanent in (
            (250, True, False, False),
            (354, False, False, False),
            (421, False, True, False),
            (499, False, True, False),
            (550, False, False, True),
        ):
            status = Status(code, "", "")
            self.assertEqual(
                (status.ok, status.temporary, status.permanent), (ok, temporary, permanent)
            )

    def test_own_words_besides_the_reply_of_another_host(self) -> None:
        reply = Status(454, "4.7.0", "not now")
        self.assertFalse(reply.says_more)
        self.assertFalse(replace(reply, answer=replace(reply, enhanced="")).says_more)
        self.assertFalse(Status(451, "4.7.0", f"no mail now: {reply}", answer=reply).says_more)
        self.assertTrue(Status(451, "4.7.5", "TLS is required", answer=reply).says_more)

    def test_the_cause_is_apart(self) -> None:
        status = OK.because("the disk")
        self.assertEqual((str(status), status.cause), (str(OK), "the disk"))
