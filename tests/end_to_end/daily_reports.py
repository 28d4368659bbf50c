"""Reports of a day that is over: the one about DMARC of a host that is stopped, and sessions with
TLS whose report is due."""

from __future__ import annotations

import time
from typing import Any

from twisted.internet.task import Clock

from mailhost.aggregate_reports.mail import MailServices
from mailhost.aggregate_reports.report import DAY
from mailhost.aggregate_reports.sender import ReportSender
from mailhost.dmarc_reports.sender import DMARCReportsToSend, SenderServices
from mailhost.dmarc_reports.waiting import waiting_reports
from mailhost.tls_reports.database import reports_database
from mailhost.tls_reports.sender import SPREAD
from tests.end_to_end.running import RunningHost
from tests.fakes import FakeHandover, RecordingEvents
from tests.lookups import RecordsLookUp
from tests.queue.fakes import here
from tests.signing.fakes import signing_outgoing

SENDS_AT_ONCE = """
from mailhost.tls_reports.sender import TLSReportsToSend
from twisted.scripts.twistd import run
TLSReportsToSend.period = 0.5  # seconds between two rounds, in place of ten minutes
run()
"""
"""A program in place of twistd: its host sends reports about TLS soon after its start."""


def dmarc_report(host: RunningHost, domain: str, policy: str) -> bytes:
    """Return the DMARC report of a stopped host about a domain with this record, as it leaves in
    the four hours after the end of the day."""
    clock: Any = Clock()
    clock.advance(time.time())
    outgoing = signing_outgoing(str(host.data), host.hostname, clock.seconds)
    handover, events = FakeHandover(), RecordingEvents()
    services = SenderServices(True, MailServices(host.hostname, outgoing, handover))
    resolver: Any = RecordsLookUp({("TXT", f"_dmarc.{domain}"): [policy.encode()]})
    kind = DMARCReportsToSend(clock, str(host.data), lambda: services, resolver, events)
    waiting = waiting_reports(str(host.data))
    sender = ReportSender(clock, here, waiting, kind, events, clock.seconds)
    sender.start()
    clock.pump([600.0] * 6 * 29)
    sender.stop()
    ((_, content, _),) = handover.taken
    return content


def end_the_day(host: RunningHost, domain: str) -> None:
    """Have the sessions of a stopped host with a domain be those of a day whose report is due now;
    those with other domains get no report."""
    today, seconds = divmod(int(time.time()), DAY)
    day = today - 1 if seconds > SPREAD else today - 2
    with reports_database(str(host.data)).opened() as database:
        database.execute("DELETE FROM policy WHERE domain != ?", (domain,))
        for table in ("judged", "policy"):
            database.execute(f"UPDATE {table} SET day = ?", (day,))
