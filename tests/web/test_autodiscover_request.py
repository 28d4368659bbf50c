"""Requests of autodiscover in XML: real ones, and hostile ones."""

from __future__ import annotations

import contextlib
from xml.sax.saxutils import escape

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailhost.web.autodiscover.request import BadRequest, SetupRequest, read_request
from mailhost.web.autodiscover.response import OUTLOOK

# as Outlook 2016 sends it
REAL = b"""\xef\xbb\xbf<?xml version="1.0" encoding="utf-8"?>\r
<Autodiscover xmlns="http://schemas.microsoft.com/exchange/autodiscover/outlook/requestschema/2006">\r
  <Request>\r
    <EMailAddress>ann@example.org</EMailAddress>\r
    <AcceptableResponseSchema>http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a</AcceptableResponseSchema>\r
  </Request>\r
</Autodiscover>"""
# as programs for ActiveSync send it
MOBILE = REAL.replace(b"outlook/requestschema", b"mobilesync/requestschema").replace(
    b"outlook/responseschema/2006a", b"mobilesync/responseschema/2006"
)
BOMB = b"""<!DOCTYPE a [<!ENTITY x "xxxxxxxxxx"><!ENTITY y "&x;&x;&x;&x;&x;&x;&x;&x;">]>
<Autodiscover><Request><EMailAddress>&y;</EMailAddress></Request></Autodiscover>"""
FILE = b"""<!DOCTYPE a SYSTEM "file:///etc/passwd"><Autodiscover/>"""


def request(*texts: str) -> bytes:
    inner = "".join(f"<EMailAddress>{escape(text)}</EMailAddress>" for text in texts)
    return f"<Autodiscover><Request>{inner}</Request></Autodiscover>".encode()


class RequestTests(SynchronousTestCase):
    def test_outlook(self) -> None:
        self.assertEqual(read_request(REAL), SetupRequest("ann@example.org", OUTLOOK))

    def test_activesync(self) -> None:
        self.assertIn("mobilesync", read_request(MOBILE).schema)

    def test_other_encodings(self) -> None:
        text = REAL.decode("utf-8-sig").replace("utf-8", "utf-16")
        self.assertEqual(read_request(text.encode("utf-16")).address, "ann@example.org")

    def test_document_types_are_refused(self) -> None:
        for xml in (BOMB, FILE):
            with self.assertRaises(BadRequest) as caught:
                read_request(xml)
            self.assertIn("document type", str(caught.exception))

    def test_what_is_no_request(self) -> None:
        deep = b"<Autodiscover>" * 11
        for xml in (b"", b"x", b"<a/>", REAL[:-5], REAL + b"x", deep, b"<a encoding='x'>"):
            self.assertRaises(BadRequest, read_request, xml)
        self.assertRaises(BadRequest, read_request, b"<?xml version='1.0' encoding='no-such'?><a/>")

    def test_texts_are_bounded(self) -> None:
        self.assertEqual(len(read_request(request("x" * 5000)).address), 1000)

    def test_elements_elsewhere_do_not_count(self) -> None:
        xml = b"<Autodiscover><EMailAddress>a</EMailAddress><Request><x>b</x></Request>"
        xml += b"</Autodiscover>"
        self.assertEqual(read_request(xml), SetupRequest("", ""))

    @given(st.lists(st.text(st.characters(min_codepoint=33, max_codepoint=0xD7FF)), min_size=1))
    def test_the_last_address_counts(self, texts: list[str]) -> None:
        self.assertEqual(read_request(request(*texts)).address, texts[-1].strip())

    @given(st.one_of(st.binary(), st.text().map(str.encode)))
    def test_any_octets(self, octets: bytes) -> None:
        with contextlib.suppress(BadRequest):
            read_request(octets)

    @given(st.integers(0, len(REAL)), st.integers(0, len(REAL)), st.binary(max_size=5))
    def test_damaged_requests(self, start: int, end: int, octets: bytes) -> None:
        with contextlib.suppress(BadRequest):
            read_request(REAL[:start] + octets + REAL[end:])
