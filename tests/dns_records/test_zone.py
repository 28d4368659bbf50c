"""Plans as text."""

from __future__ import annotations

import re
from dataclasses import replace

import dns.rdata
import dns.rdatatype
import dns.zone
from hypothesis import given
from hypothesis.strategies import binary
from twisted.trial.unittest import SynchronousTestCase

from mailhost.dns_records.facts import AddressSource, HostAddresses
from mailhost.dns_records.plan import make_plan
from mailhost.dns_records.record import Place
from mailhost.dns_records.zone import nsupdate_text, plan_values, txt_data, zone_text
from tests.dns_records.facts import HOST, OWN, RSA


def read_strings(text: str) -> list[bytes]:
    """Read quoted strings as zone files have them."""
    strings = re.findall(r'"((?:[^"\\]|\\[0-9]{3}|\\[^0-9])*)"', text)
    escape = re.compile(r"\\([0-9]{3}|.)")
    return [
        escape.sub(lambda m: chr(int(m[1])) if len(m[1]) == 3 else m[1], each).encode("latin-1")
        for each in strings
    ]


def _data(data: dns.rdata.Rdata) -> str:
    """The data of a record as dnspython read it; the strings of a TXT record are joined."""
    strings = getattr(data, "strings", None)
    return data.to_text() if strings is None else b"".join(strings).decode()


class ZoneTests(SynchronousTestCase):
    """A fragment of a zone file."""

    def test_each_record_has_its_purpose_and_place(self) -> None:
        lines = list(zone_text(make_plan(HOST, replace(OWN, domain="example.net")), 80))
        place = lines.index("example.net. 3600 IN MX 10 mail.example.com.")
        self.assertEqual("; Mail for the domain is sent to this host.", lines[place - 1])
        elsewhere = next(n for n, line in enumerate(lines) if line.startswith("; In the zones"))
        self.assertLess(place, elsewhere)
        self.assertGreater(lines.index("mail.example.com. 3600 IN A 192.0.2.1"), elsewhere)
        reverse = "; 1.2.0.192.in-addr.arpa. 3600 IN PTR mail.example.com."
        self.assertGreater(lines.index(reverse), elsewhere)

    def test_long_texts_are_divided(self) -> None:
        (line,) = (line for line in zone_text(make_plan(HOST, OWN), 80) if "_domainkey" in line)
        strings = read_strings(line)
        self.assertEqual([255, len(RSA) - 255], [len(string) for string in strings])
        self.assertEqual(RSA.encode(), b"".join(strings))

    def test_another_program_reads_it(self) -> None:
        plan = make_plan(HOST, OWN)
        text = "\n".join(zone_text(plan, 80))
        zone = dns.zone.from_text(text, "example.com.", relativize=False, check_origin=False)
        read = {
            (str(name).removesuffix("."), dns.rdatatype.to_text(data.rdtype), _data(data))
            for name, _, data in zone.iterate_rdatas()
        }
        planned = {
            (r.name, r.kind, r.data) for r in plan.records if r.place(plan.domain) is Place.DOMAIN
        }
        self.assertEqual(planned, read)

    @given(binary(max_size=600))
    def test_any_octets_can_be_read_back(self, text: bytes) -> None:
        strings = read_strings(txt_data(text))
        self.assertEqual(text, b"".join(strings))
        self.assertTrue(all(len(string) <= 255 for string in strings))

    def test_nsupdate_adds_where_nothing_is_there(self) -> None:
        addresses = HostAddresses(("192.0.2.1", "192.0.2.2"), AddressSource.SETTINGS)
        lines = list(nsupdate_text(make_plan(replace(HOST, addresses=addresses), OWN), 80))
        requests = [
            [line for line in request.splitlines() if line and not line.startswith(";")]
            for request in "\n".join(lines).split("send")
        ]
        self.assertIn(
            [
                "prereq nxrrset mail.example.com. A",
                "update add mail.example.com. 3600 A 192.0.2.1",
                "update add mail.example.com. 3600 A 192.0.2.2",
            ],
            requests,
        )
        text = '"v=spf1 ip4:192.0.2.1 ip4:192.0.2.2 ~all"'
        self.assertIn([f"update add example.com. 3600 TXT {text}"], requests)
        self.assertFalse(any("arpa" in line for line in lines))

    def test_json(self) -> None:
        values = plan_values(make_plan(HOST, replace(OWN, domain="xn--bcher-kva.example")))
        self.assertEqual("bücher.example", values["domain_unicode"])
        mx = values["records"][0]
        self.assertEqual(
            ("MX", "10 mail.example.com.", "domain"), (mx["type"], mx["data"], mx["zone"])
        )
