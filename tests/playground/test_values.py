"""Ports, settings, records and faults of the playground, without anything that runs."""

from __future__ import annotations

import re
import socket
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from mailhost.config.load import load
from mailhost.dns_records.record import DNSPlan, PlannedRecord, Topic
from mailhost.playground.certificates import new_authority
from mailhost.playground.dns_server import Records
from mailhost.playground.fault_actions import WrongRecords, WrongSettings
from mailhost.playground.faults import BY_NAME, FAULTS
from mailhost.playground.hosts import ALPHA_HOST, BETA_HOST
from mailhost.playground.ports import NoPorts, Ports, free_ports
from mailhost.playground.preparing import write_certificate, write_settings
from mailhost.playground.records import records_of
from mailhost.playground.settings import MoreSettings, settings_text
from tests.end_to_end.running import free_port

RECORDS: Records = {
    "alpha.internal": [["MX", 10, "mx.alpha.internal"], ["TXT", "v=spf1 ip4:127.0.0.2 ~all"]],
    "x._domainkey.alpha.internal": [["TXT", "v=DKIM1; p=a"]],
    "_smtp._tls.alpha.internal": [["TXT", "v=TLSRPTv1; rua=mailto:tls@alpha.internal"]],
    "beta.internal": [["MX", 10, "mx.beta.internal"], ["TXT", "v=spf1 ip4:127.0.0.3 ~all"]],
    "_dmarc.beta.internal": [["TXT", "v=DMARC1; p=none"]],
    "mx.beta.internal": [["A", "127.0.0.3"]],
    "2.0.0.127.in-addr.arpa": [["PTR", "mx.alpha.internal"]],
}


class PortsTests(SynchronousTestCase):
    def test_other_ports_where_one_is_in_use(self) -> None:
        port = free_port("127.0.0.3")
        with socket.socket() as taken:
            taken.bind(("127.0.0.3", port))
            taken.listen()
            in_use, *others = range(port - 587, port - 500)  # other tests have some of these ports
            self.assertIn(free_ports([in_use, *others]).base, others)
            self.assertRaises(NoPorts, free_ports, [in_use])

    def test_ports_are_easy_to_read(self) -> None:
        self.assertEqual((2025, 2053), (Ports(2000).of("smtp"), Ports(2000).dns))


class SettingsTests(SynchronousTestCase):
    def load(self, more: MoreSettings) -> None:
        folder = Path(self.mktemp())
        folder.mkdir()
        write_certificate(folder, new_authority().issue([BETA_HOST.hostname]))
        write_settings(folder, settings_text(BETA_HOST, ALPHA_HOST, Ports(2000), more))
        loaded = load(str(folder / "mailhost.toml"))
        self.assertEqual((), tuple(loaded.settings.domain))
        self.assertEqual(("127.0.0.3",), loaded.settings.dns.addresses)

    def test_right_ones_and_those_of_each_fault(self) -> None:
        self.load(MoreSettings())
        for fault in FAULTS:
            if isinstance(fault.action, WrongSettings):
                self.load(fault.action.more)


class RecordsTests(SynchronousTestCase):
    def test_rows_of_plans(self) -> None:
        host, long = "mx.alpha.internal", "v=DKIM1; p=" + 300 * "a"
        planned = (
            PlannedRecord("alpha.internal", "MX", f"10 {host}.", Topic.MAIL, ""),
            PlannedRecord(host, "A", "127.0.0.2", Topic.ADDRESS, ""),
            PlannedRecord("k._domainkey.alpha.internal", "TXT", long, Topic.DKIM, ""),
            PlannedRecord("_imaps._tcp.alpha.internal", "SRV", f"0 1 993 {host}.", Topic.MAIL, ""),
        )
        plan = DNSPlan("alpha.internal", host, "", planned)
        rows = records_of([plan, plan])
        self.assertEqual(
            [["NS", "ns.playground.internal"], ["MX", 10, host]], rows["alpha.internal"]
        )
        self.assertEqual([["A", "127.0.0.2"]], rows[host])
        self.assertEqual([["SRV", 0, 1, 993, host]], rows["_imaps._tcp.alpha.internal"])
        self.assertEqual([["TXT", long[:255], long[255:]]], rows["k._domainkey.alpha.internal"])


class FaultsTests(SynchronousTestCase):
    def test_names_and_sentences(self) -> None:
        self.assertEqual(len(FAULTS), len(BY_NAME))
        for fault in FAULTS:
            self.assertRegex(fault.name, re.compile(r"^[a-z]+(-[a-z0-9]+)*$"))
            self.assertRegex(fault.description, re.compile(r"^[A-Za-z].*\.$"))
            self.assertTrue(fault.command.startswith("doctor"), fault.command)

    def test_wrong_records_are_others_and_the_right_ones_stay(self) -> None:
        before = repr(RECORDS)
        for fault in FAULTS:
            if isinstance(fault.action, WrongRecords):
                self.assertNotEqual(RECORDS, fault.action.change(RECORDS), fault.name)
        self.assertEqual(before, repr(RECORDS))
