"""The text of reports for their readers."""

from __future__ import annotations

from dataclasses import replace

from twisted.trial.unittest import SynchronousTestCase

from mailhost.message.outcome import Fate, Outcome
from mailhost.message.status import Status
from mailhost.queue.bounce_text import explain
from tests.queue.fakes import BUSY, START, UNKNOWN, path

MX = "mx.there.example [192.0.2.7]"


def text_of(
    fate: Fate, status: Status, address: str = "bob@there.example", until: float | None = None
) -> str:
    """The text of a report about one recipient, as one line."""
    outcome = Outcome(path(address), fate, status, MX)
    return " ".join(explain([outcome], "mail.here.example", START, until).split())


class BounceTextTests(SynchronousTestCase):
    def test_a_reply_of_the_other_host_and_advice(self) -> None:
        text = text_of(Fate.FAILED, replace(UNKNOWN, answer=UNKNOWN))
        self.assertIn(f"{MX} answered: 550 5.1.1 No such user here", text)
        self.assertIn("There is no such mailbox. Look for a typing error", text)

    def test_a_verdict_of_this_host(self) -> None:
        text = text_of(Fate.FAILED, UNKNOWN)
        self.assertIn(f"{MX}: 550 5.1.1 No such user here", text)
        self.assertNotIn("answered", text)

    def test_the_most_exact_advice_counts(self) -> None:
        for enhanced, advice in (
            ("4.4.7", "Ask the recipient in another way"),
            ("5.1.10", "This domain takes no mail"),
            ("5.1.9", "Look for a typing error in the address"),
            ("5.2.2", "The mailbox is full"),
            ("5.7.26", "does not want this message"),
        ):
            self.assertIn(advice, text_of(Fate.FAILED, Status(550, enhanced, "No")), enhanced)

    def test_a_delay_names_the_end_of_the_attempts(self) -> None:
        text = text_of(Fate.DEFERRED, BUSY, until=START + 3600)
        self.assertIn("It is tried again until Tue, 14 Nov 2023 23:13:20 +0000.", text)
        self.assertNotIn("typing error", text)
        self.assertNotIn("tried again until", text_of(Fate.DEFERRED, BUSY))

    def test_a_domain_in_unicode(self) -> None:
        text = text_of(Fate.DELIVERED, UNKNOWN, "bob@xn--bcher-kva.example")
        self.assertIn("<bob@xn--bcher-kva.example> (bücher.example)", text)
        self.assertNotIn("No such user", text)

    def test_lines_and_long_replies_are_bounded(self) -> None:
        long = replace(UNKNOWN, text="word " * 1000)
        outcome = Outcome(path("bob@there.example"), Fate.FAILED, long, MX)
        text = explain([outcome], "mail.here.example", START, None)
        self.assertLess(len(text), 2000)
        self.assertLessEqual(max(map(len, text.split("\n"))), 72)
