"""The corrections that findings propose: once they are made, a second check finds all right."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from mailhost.dns_records.facts import DomainFacts
from mailhost.dns_records.finding import DNSFinding, DNSVerdict
from mailhost.dns_records.record import PlannedRecord
from mailhost.dns_records.zone import txt_data
from mailhost.interfaces.dns import MXRecord, SRVRecord
from mailhost.message.address import parse_address
from tests.dns_records.fake_dns import FakeServers
from tests.dns_records.test_checking import OTHER_KEY, OWN_WITH_KEY, RIGHT, CheckCase
from tests.lookups import RecordsLookUp

REPORTED = replace(OWN_WITH_KEY, reports=parse_address("dmarc@example.com"))
ROUTED = replace(OWN_WITH_KEY, spf=("include:_spf.isp.example",))
ISP = {("TXT", "_spf.isp.example"): [b"v=spf1 ip4:198.51.100.0/24 -all"]}
MX, SPF, DMARC = ("MX", "example.com"), ("TXT", "example.com"), ("TXT", "_dmarc.example.com")
SRV, KEY = ("SRV", "_pop3s._tcp.example.com"), ("TXT", "r1._domainkey.example.com")


def shown(kind: str, record: Any) -> str:
    """A record of the fake as zone files have it."""
    if kind == "TXT":
        return txt_data(record)
    if isinstance(record, MXRecord):
        return f"{record.preference} {record.host}."
    if isinstance(record, SRVRecord):
        return f"{record.priority} {record.weight} {record.port} {record.target}."
    return f"{record}." if kind == "CNAME" else str(record)


def made(record: PlannedRecord) -> Any:
    """A planned record as the fake has it."""
    fields = record.data.removesuffix(".").split(" ")
    if record.kind == "MX":
        return MXRecord(int(fields[0]), fields[1])
    if record.kind == "SRV":
        return SRVRecord(int(fields[0]), int(fields[1]), int(fields[2]), fields[3])
    return record.data.encode() if record.kind == "TXT" else record.data.removesuffix(".")


class CorrectionTests(CheckCase):
    """Each fault that can be corrected in the zone of the domain."""

    def corrected(self, records: dict[tuple[str, str], Any], findings: Iterable[DNSFinding]) -> Any:
        """The records after the changes that findings propose."""
        after = {question: list(found) for question, found in records.items()}
        for finding in findings:
            for seen in finding.remove:
                there = after[seen.kind, seen.name]
                (wrong,) = (each for each in there if shown(seen.kind, each) == seen.data)
                there.remove(wrong)
            for record in finding.add:
                after.setdefault((record.kind, record.name), []).append(made(record))
        return after

    def corrects(self, changes: dict[tuple[str, str], Any], own: DomainFacts) -> None:
        """There is a fault, and none after its corrections."""
        records = RIGHT | changes
        for expected in (False, True):
            dns = RecordsLookUp(records)
            findings = self.findings(FakeServers(ns1=dns), dns, own)
            wrong = [each for each in findings if each.verdict is not DNSVerdict.RIGHT]
            self.assertEqual(expected, not wrong, (changes, wrong))
            records = self.corrected(records, wrong)

    def test_each_fault(self) -> None:
        isp = {("A", "mx.isp.example"): ["198.51.100.1"]}
        for changes, own in (
            ({question: [] for question in RIGHT if question[0] != "PTR"}, OWN_WITH_KEY),
            ({MX: [MXRecord(0, "")]}, OWN_WITH_KEY),
            ({MX: [MXRecord(5, "mx.isp.example")], **isp}, OWN_WITH_KEY),
            ({("A", "mail.example.com"): ["192.0.2.9"]}, OWN_WITH_KEY),
            ({SPF: [b"v=spf1 mx -all", b"v=spf1 a:mail.example.com ~all"]}, OWN_WITH_KEY),
            ({SPF: [b"v=spf1 ipv4:192.0.2.1 -all"]}, OWN_WITH_KEY),
            ({SPF: [b"v=spf1 +all"]}, OWN_WITH_KEY),
            ({SPF: [b"v=spf1 ?all"]}, OWN_WITH_KEY),
            ({SPF: [b"v=spf1 include:_spf.isp.example -all"], **ISP}, OWN_WITH_KEY),
            ({SPF: [b"v=spf1 mx -all"], **ISP}, ROUTED),
            ({KEY: [OTHER_KEY.encode()]}, OWN_WITH_KEY),
            ({DMARC: [b"v=DMARC1; p=nonne"]}, OWN_WITH_KEY),
            ({DMARC: [b"v=DMARC1; p=none", b"v=DMARC1; p=reject"]}, OWN_WITH_KEY),
            ({DMARC: [b"v=DMARC1; p=quarantine; np=reject; t=y"]}, REPORTED),
            ({SRV: [SRVRecord(0, 0, 0, "")]}, OWN_WITH_KEY),
            ({SRV: [SRVRecord(0, 1, 9950, "mail.example.com"), *RIGHT[SRV]]}, OWN_WITH_KEY),
        ):
            self.corrects(changes, own)
