"""`mailhost doctor` without a TARGET: its report, and settings that cannot be used."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from twisted.internet.task import Clock

from mailhost.cli import doctor_check
from mailhost.config.model import Settings
from mailhost.doctor.checks import Check, CheckResult
from mailhost.doctor.finding import Finding
from mailhost.doctor.host import certificate_faults, host_name, listeners
from mailhost.doctor.host.disk import Disk, inode_findings, space_finding
from mailhost.doctor.host.host_name import host_name_check
from mailhost.doctor.host.listeners import HostState, listeners_check
from mailhost.doctor.host.sockets import ListeningSocket, Process
from mailhost.net.tls.certificate_checks import CertificateFault, CertificateFinding
from tests.cli.bench import CommandCase
from tests.doctor.host.case import found_by
from tests.lookups import RecordsLookUp
from tests.queue.fakes import here

SNAPSHOT = Path(__file__).parent / "doctor_host.txt"
DATA = "/var/lib/mailhost"
HOST = Settings(version=1, hostname="mail.blue.net", data=DATA)


def faulty_host() -> Iterator[tuple[str, Sequence[Finding]]]:
    """The findings about a host with several faults, by topic."""
    postfix = (ListeningSocket("0.0.0.0", 25, (Process(811, "master"),)),)
    check = listeners_check(HOST, postfix, here, lambda: HostState(running=False))
    yield listeners.TOPIC, found_by(check)
    records = {
        ("A", "mail.blue.net"): ["9.9.9.9"],
        ("AAAA", "mail.blue.net"): ["2620:fe::fe"],
        ("PTR", "9.9.9.9.in-addr.arpa"): ["mail.blue.net"],
    }
    name = host_name_check(HOST, RecordsLookUp(records), Clock(), lambda: ())
    yield host_name.TOPIC, found_by(name)
    text = "the certificate in /etc/mailhost/chain.pem expired on 2026-11-01; renew it"
    expired = CertificateFinding(text, CertificateFault.EXPIRED, serious=True)
    yield "Certificates", certificate_faults.file_findings([expired])
    disk = Disk(10**11, 3 * 10**9, 10**6, 10**6)
    tried = f"data folder {DATA}"
    yield "Data folder", [space_finding(tried, disk), *inode_findings(tried, disk)]


class ReportTests(CommandCase):
    def setUp(self) -> None:
        super().setUp()
        self.settings()

    def show(self, *results: CheckResult) -> None:
        """Have the command print these."""
        self.patch(doctor_check, "_results", lambda loaded, asked: list(results))

    def test_the_report_at_width_80(self) -> None:
        async def none() -> Sequence[Finding]:
            return ()

        self.show(
            *(CheckResult(Check(topic, topic, 1, none), each) for topic, each in faulty_host())
        )
        result = self.call("doctor")
        self.assertEqual(2, result.exit_code)
        self.assertEqual(SNAPSHOT.read_text(), result.stdout)
        self.assertNotIn("\x1b", result.stdout)
        text = [line for line in result.stdout.splitlines() if not line.startswith(" " * 20)]
        self.assertLessEqual(max(map(len, text)), 80)  # lines to copy are as long as they are

    def test_settings_with_faults_are_findings(self) -> None:
        self.settings('admn = "x"\nlimits.recipients = "many"\n')
        result = self.call("doctor", "--json")
        self.assertEqual(2, result.exit_code, result.output)
        found = json.loads(result.stdout)["findings"]
        self.assertEqual(["doctor/settings-wrong"] * 2, [each["name"] for each in found])

    def test_no_settings_at_all(self) -> None:
        os.unlink(self.config)
        result = self.call("doctor")
        self.assertEqual(3, result.exit_code, result.output)
        self.assertIn("there is no such file", result.stderr)
