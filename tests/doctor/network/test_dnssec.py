"""Whether a DNS server on this machine validates answers."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from mailhost.doctor.finding import Verdict
from mailhost.doctor.network.dnssec import dnssec_check
from mailhost.interfaces.dns import Found
from tests.doctor.running import findings_of
from tests.lookups import RecordsLookUp

RECORDS = {("NS", ""): ["a.root-servers.net"]}


class DNSSECTests(SynchronousTestCase):
    def test_with_and_without_one(self) -> None:
        for secure, text, lines in ((True, "are used (DANE)", 0), (False, "are not used", 2)):
            (found,) = findings_of(dnssec_check(RecordsLookUp(RECORDS, secure)))
            self.assertEqual((Verdict.OK, None), (found.verdict, found.fault))
            self.assertIn(text, found.seen)
            self.assertEqual(lines, len(found.copy))

    def test_silence_is_left_to_another_check(self) -> None:
        silent = RecordsLookUp({("NS", ""): Found.FAILED})
        self.assertEqual([], [*findings_of(dnssec_check(silent))])
