"""The lines of events in the log, and those that are serious."""

from __future__ import annotations

from dataclasses import replace

from twisted.trial.unittest import SynchronousTestCase

from mailhost.interfaces.events import (
    Attempted,
    Diagnosed,
    Event,
    Faulted,
    Filtered,
    Identified,
    LoggedIn,
    LoginRefused,
    Notice,
    Parked,
    PassedOn,
    Queued,
    Received,
    Refused,
    Reported,
    Warned,
)
from mailhost.interfaces.verdict import Decision, Finding, Stage
from mailhost.message.client import Client
from mailhost.message.outcome import Fate, Outcome
from mailhost.message.status import NO_STORAGE, OK
from tests.fakes import address, path

ANN = address("ann@a.example")
CLIENT = Client("192.0.2.7", 4711, protocol="smtp")
FULL = NO_STORAGE.because("disk /var")
RECEIVED = Received(CLIENT, "id1", None, (ANN,), 512, "")


def attempted(fate: Fate, by: str = "") -> Attempted:
    """An attempt to reach ann."""
    status = OK if fate not in (Fate.DEFERRED, Fate.FAILED) else FULL
    return Attempted("id1", Outcome(path("ann@a.example"), fate, status, by))


class LineTests(SynchronousTestCase):
    def check(self, event: Event, line: str, serious: bool = False) -> None:
        self.assertEqual((event.line, event.serious), (line, serious))

    def test_filters(self) -> None:
        found = Finding("dns", Stage.RECIPIENT, Decision.QUARANTINE, "it is listed")
        self.check(Filtered(CLIENT, "id1", found), "id1 filter dns: quarantine, it is listed")
        observed = replace(found, observed=True)
        line = "smtp from [192.0.2.7]:4711 filter dns: would quarantine, it is listed"
        self.check(Filtered(CLIENT, "", observed), line)

    def test_the_proxy(self) -> None:
        passed_on = PassedOn("id1", "tcp:10.0.0.5:25", OK)
        self.check(passed_on, "id1 passed on to tcp:10.0.0.5:25: 250 2.0.0 OK")

    def test_findings_of_the_doctor(self) -> None:
        finding = Diagnosed("doctor/no-domain", "failure: there is no domain")
        self.check(finding, "doctor/no-domain: failure: there is no domain", serious=True)

    def test_quarantined(self) -> None:
        self.check(
            Queued("id1", None, (ANN,), held="dns: it is listed"),
            "id1 quarantined, see `mailhost queue list`, for <ann@a.example>: dns: it is listed",
        )

    def test_received(self) -> None:
        self.check(
            RECEIVED,
            "id1 received from <> to <ann@a.example>, 512 octets, Message-ID none, "
            "by smtp from [192.0.2.7]:4711",
        )
        many = replace(
            RECEIVED, reverse_path=ANN, recipients=(ANN,) * 7, client=replace(CLIENT, account=ANN)
        )
        self.assertIn("received from <ann@a.example> to", many.line)
        self.assertEqual(many.line.count("<ann@a.example>"), 6)
        self.assertIn(" and 2 more, ", many.line)
        self.assertTrue(many.line.endswith("from [192.0.2.7]:4711 as ann@a.example"))

    def test_refused_with_its_cause(self) -> None:
        self.check(
            Refused(CLIENT, "RCPT TO:<x@y>", FULL),
            f"refused RCPT TO:<x@y> from [192.0.2.7]:4711: {NO_STORAGE} [disk /var]",
        )

    def test_attempts(self) -> None:
        self.check(attempted(Fate.DELIVERED), "id1 delivered <ann@a.example>: 250 2.0.0 OK")
        self.check(
            attempted(Fate.RELAYED, "mx.far.example [192.0.2.9]"),
            "id1 relayed <ann@a.example> by mx.far.example [192.0.2.9]: 250 2.0.0 OK",
        )
        for fate in (Fate.DEFERRED, Fate.FAILED):
            line = f"id1 {fate.value} <ann@a.example>: {NO_STORAGE} [disk /var]"
            self.check(attempted(fate), line, serious=True)

    def test_the_queue(self) -> None:
        self.check(
            Queued("id1", None, (ANN, ANN)), "id1 queued for <ann@a.example>, <ann@a.example>"
        )
        self.check(Reported("id1", "bounce", ANN), "id1 bounce sent to <ann@a.example>")
        self.check(
            Parked("id1", "ValueError: x"),
            "id1 parked, see `mailhost queue show id1`: ValueError: x",
            serious=True,
        )

    def test_logins(self) -> None:
        self.check(
            LoggedIn(CLIENT, ANN, "PLAIN"),
            "ann@a.example logged in to smtp from [192.0.2.7]:4711 by PLAIN",
        )
        self.check(
            Identified(CLIENT, ANN, "name=mutt"),
            "smtp client [192.0.2.7]:4711 of ann@a.example is name=mutt",
        )
        self.check(
            LoginRefused(CLIENT, "an\nn", FULL, 3),
            "login as 'an\\nn' refused to [192.0.2.7]:4711 on smtp, failure 3 from this address: "
            f"{NO_STORAGE} [disk /var]",
            serious=True,
        )

    def test_faults_and_words(self) -> None:
        self.check(Faulted("handover", "oops"), "handover: oops", serious=True)
        self.check(Warned("settings", "admin is not set"), "settings: admin is not set", True)
        self.check(Notice("ready"), "ready")
