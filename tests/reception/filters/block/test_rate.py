"""Rates of messages."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mailhost.config.filters.block import CountBy, Rate
from mailhost.interfaces.filters import FilterFailed
from mailhost.interfaces.verdict import PASS
from mailhost.reception.filters.block.rate import MOST_KEYS, RateFilter, Rates
from tests.fakes import address, envelope, path
from tests.reception.filters.mails import CLIENT, RCPT


class RateTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.rates = Rates(self.clock)

    def test_a_burst_has_exactly_the_limit(self) -> None:
        for limit in (1, 3, 7, 10, 100):
            taken = [self.rates.take(str(limit), limit, 3600.0) for _ in range(limit + 5)]
            self.assertEqual(taken, [True] * limit + [False] * 5)

    def test_the_bucket_leaks(self) -> None:
        for _ in range(3):
            self.rates.take("a", 3, 60.0)
        self.clock.advance(19.9)
        self.assertFalse(self.rates.take("a", 3, 60.0))
        self.clock.advance(0.2)
        self.assertTrue(self.rates.take("a", 3, 60.0))
        self.assertFalse(self.rates.take("a", 3, 60.0))
        self.clock.advance(1000)
        self.assertEqual([self.rates.take("a", 3, 60.0) for _ in range(4)], [True] * 3 + [False])

    def test_a_process_without_the_counts_has_no_preview(self) -> None:
        filter = RateFilter(Rate(kind="rate", limit=1), "rate", cast(Any, object()))
        self.assertRaises(FilterFailed, filter.preview, RCPT)

    def test_keys_are_counted_apart_and_memory_is_bounded(self) -> None:
        self.assertTrue(self.rates.take("a", 1, 60.0))
        self.assertTrue(self.rates.take("b", 1, 60.0))
        for number in range(MOST_KEYS):
            self.rates.take(str(number), 1, 60.0)
        self.assertTrue(self.rates.take("a", 1, 60.0))  # `a` was forgotten
        self.assertFalse(self.rates.take(str(MOST_KEYS - 1), 1, 60.0))

    def test_the_keys_that_are_counted(self) -> None:
        account = replace(CLIENT, account=address("ann@a.example"))
        for by, mail, other in (
            ("client", RCPT, replace(RCPT, client=replace(CLIENT, ip="192.0.2.8"))),
            ("sender", RCPT, replace(RCPT, envelope=envelope(sender="sue@else.example"))),
            ("recipient", RCPT, replace(RCPT, recipient=path("ann@b.example"))),
            ("account", replace(RCPT, client=account), RCPT),
        ):
            settings = Rate(kind="rate", count_by=CountBy(by), limit=1)
            filter = RateFilter(settings, by, self.rates)
            for _ in range(3):
                self.assertIs(filter.preview(mail), PASS)  # counts nothing
            self.assertIs(filter.look(mail), PASS)
            verdict: Any = filter.look(mail)
            self.assertEqual(filter.preview(mail), verdict)
            self.assertEqual(verdict.status.code, 451, by)
            self.assertIs(filter.look(other), PASS, by)

    def test_the_null_reverse_path_is_not_counted(self) -> None:
        settings = Rate(kind="rate", count_by=CountBy.SENDER, limit=1)
        filter = RateFilter(settings, "r", self.rates)
        bounce = replace(RCPT, envelope=envelope(sender=""))
        for _ in range(3):
            self.assertIs(filter.look(bounce), PASS)

    def test_two_filters_count_apart(self) -> None:
        for name in ("one", "two"):
            filter = RateFilter(Rate(kind="rate", limit=1), name, self.rates)
            self.assertIs(filter.look(RCPT), PASS)
