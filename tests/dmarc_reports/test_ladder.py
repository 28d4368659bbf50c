"""The next step of a policy."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from mailhost.aggregate_reports.report import DAY
from mailhost.dmarc_reports.ladder import Advice, advise
from mailhost.dmarc_reports.received import ReportedRow
from mailhost.dmarc_reports.report import CheckedDomain, Row
from mailhost.dmarc_reports.summary import summarize
from mailhost.interfaces.authentication import PublishedPolicy

OWN, FORGER, SERVICE = "192.0.2.1", "198.51.100.66", "203.0.113.9"


def row(source: str, count: int, passes: bool = True, signer: str = "") -> Row:
    """Some messages."""
    signatures = (CheckedDomain(signer, "pass", "s"),) if signer else ()
    return Row(source, count, "none", passes, False, "example.org", "", signatures)


def advice(*rows: Row, policy: str = "none", days: int = 20, testing: bool = False) -> Advice:
    """The advice after reports with these rows on the first and the last day."""
    published = PublishedPolicy("example.org", policy, testing=testing)
    reported = [ReportedRow("far", 0, DAY, published, each) for each in rows]
    reported += [ReportedRow("far", (days - 1) * DAY, days * DAY, published, rows[0])]
    return advise(summarize("example.org", reported))


class LadderTests(SynchronousTestCase):
    """When a step may be taken."""

    def test_all_is_well(self) -> None:
        good = advice(row(OWN, 200), row(FORGER, 500, passes=False))
        self.assertEqual(("quarantine", True), (good.policy, good.ready))
        self.assertIn("400 messages from addresses of yours pass", good.reasons[0])
        self.assertIn("500 others", good.reasons[1])
        self.assertEqual("reject", advice(row(OWN, 200), policy="quarantine").policy)

    def test_the_last_step(self) -> None:
        self.assertEqual(
            Advice("", False, ("p=reject is the last step",)),
            advice(row(OWN, 200), policy="reject"),
        )

    def test_a_policy_of_none_has_nothing_to_test(self) -> None:
        found = advice(row(OWN, 200), policy="none", testing=True)
        self.assertEqual(("quarantine", True), (found.policy, found.ready))

    def test_no_reports(self) -> None:
        found = advise(summarize("example.org", []))
        self.assertFalse(found.ready)
        self.assertIn("no reports yet", found.reasons[0])

    def test_too_early(self) -> None:
        found = advice(row(OWN, 10), days=3)
        self.assertFalse(found.ready)
        self.assertEqual(2, len(found.reasons))

    def test_own_mail_fails(self) -> None:
        found = advice(row(OWN, 200), row(OWN, 50, passes=False))
        self.assertFalse(found.ready)
        self.assertIn(f"most from {OWN}", found.reasons[0])

    def test_a_forgotten_service(self) -> None:
        found = advice(row(OWN, 200), row(SERVICE, 50, passes=False, signer="service.example"))
        self.assertFalse(found.ready)
        self.assertIn(SERVICE, found.reasons[0])

    def test_nothing_passes(self) -> None:
        self.assertIn("no mail passes", advice(row(OWN, 200, passes=False)).reasons[0])

    def test_a_policy_in_test_mode(self) -> None:
        found = advice(row(OWN, 200), policy="quarantine", testing=True)
        self.assertEqual(("quarantine", True), (found.policy, found.ready))
        self.assertIn("t=y", found.reasons[0])
