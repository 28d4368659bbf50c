"""How much mail went to large receivers within a day."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, cast

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mailhost.doctor.context import DoctorContext
from mailhost.doctor.finding import Finding, Verdict
from mailhost.doctor.other_hosts import volume
from mailhost.doctor.other_hosts.checks import other_host_checks, volume_check
from mailhost.doctor.other_hosts.volume import BULK_LIMIT_NEAR, Receiver, receiver_of
from mailhost.interfaces.dns import Found
from mailhost.message.outcome import Fate
from mailhost.message.status import Status
from tests.fakes import now
from tests.lookups import RecordsLookUp
from tests.queue.fakes import here
from tests.trace.samples import NOON, make_trace, received, relayed

RECORDS = {("TXT", "_dmarc.shop.com"): [b"v=DMARC1; p=none"]}
YAHOO = "mta7.am0.yahoodns.net [192.0.2.77]"


class VolumeTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.data = self.mktemp()
        os.mkdir(self.data)
        self.records: Any = RECORDS

    def found(self, at: float = NOON) -> Sequence[Finding]:
        """The findings an hour after noon about these: three to Gmail from two domains of one
        organization, one to Yahoo, one that Gmail deferred."""
        make_trace(
            self.data,
            received("one", "a@gmail.com", "b@gmail.com", sender="x@news.shop.com"),
            relayed("one", "a@gmail.com", Fate.RELAYED),
            relayed("one", "b@gmail.com", Fate.RELAYED),
            received("two", "c@gmail.com", sender="y@shop.com"),
            relayed("two", "c@gmail.com", Fate.RELAYED),
            relayed("two", "d@gmail.com", Fate.DEFERRED, Status(421, "4.7.28", "slow gsmtp")),
            relayed("two", "d@yahoo.com", Fate.RELAYED, by=YAHOO),
            relayed("two", "d@far.example", Fate.RELAYED, by="mx.far.example [192.0.2.3]"),
            at=at,
        )
        return self.check()

    def check(self) -> Sequence[Finding]:
        look_up = cast("Any", RecordsLookUp(self.records))
        context = DoctorContext(cast("Any", Clock()), here, look_up, None)
        found: Sequence[Finding] = now(volume_check(context, self.data, lambda: NOON + 3600).run())
        return found

    def test_by_organization(self) -> None:
        (finding,) = self.found()
        self.assertIs(finding.verdict, Verdict.OK)
        self.assertEqual(
            finding.seen,
            "3 from shop.com to Gmail (bulk mail from 5000 a day on), 1 from shop.com to Yahoo and "
            "AOL",
        )

    def test_near_the_limit(self) -> None:
        gmail = Receiver("Gmail", ("gmail-smtp-in.l.google.com",), 4, 3)
        self.patch(volume, "RECEIVERS", (gmail, *volume.RECEIVERS[1:]))
        near, rest = self.found()
        self.assertIs(near.fault, BULK_LIMIT_NEAR)
        self.assertIs(near.verdict, Verdict.WARNING)
        self.assertEqual(near.seen, "3 from shop.com to Gmail (bulk mail from 4 a day on)")
        self.assertIn("mailhost dns shop.com --check", near.remedy)
        self.assertIn("to Yahoo", rest.seen)

    def test_dns_fails(self) -> None:
        self.records = {("TXT", "_dmarc.news.shop.com"): Found.FAILED}
        (finding,) = self.found()
        self.assertIn("2 from news.shop.com to Gmail", finding.seen)

    def test_yesterday(self) -> None:
        (finding,) = self.found(at=NOON - 2 * 86_400)
        self.assertEqual(finding.seen, "none")

    def test_no_trace_and_a_trace_that_is_off(self) -> None:
        (finding,) = self.check()
        self.assertEqual(finding.seen, "none")
        self.assertEqual(other_host_checks(cast("Any", None), self.data, off=True), ())

    def test_receivers(self) -> None:
        for host, name in (
            ("alt1.gmail-smtp-in.l.google.com [192.0.2.1]", "Gmail"),
            ("outlook-com.olc.protection.outlook.com [192.0.2.1]", "Outlook.com and Hotmail"),
            ("mta5.am0.yahoodns.net. [192.0.2.1]", "Yahoo and AOL"),
            ("aspmx.l.google.com [192.0.2.1]", ""),  # business customers
            ("shop-com.mail.protection.outlook.com", ""),
            ("", ""),
        ):
            receiver = receiver_of(host)
            self.assertEqual(receiver.name if receiver else "", name)
