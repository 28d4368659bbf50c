"""Any message is examined without a fault: a fault would let it pass."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from mailhost.message.authentication_results import NAME
from mailhost.message.header import values
from tests.lookups import Records, RecordsLookUp
from tests.reception.filters.authenticity.case import (
    HOST,
    REJECT,
    SPF_FAIL,
    TEXT,
    ExaminedCase,
    key_of,
    signed,
)
from tests.reception.filters.mails import message

names = st.sampled_from(
    (b"From", b"DKIM-Signature", b"ARC-Seal", b"ARC-Message-Signature", b"List-Id", b"X")
)
TAGS = b"v=1; i=1; a=rsa-sha256; d=far.org; s=s; b=AAAA; bh=AAAA; h=from; cv=none;".split()
ODD = (b"<a@far.org>", b"(", b'"', b";", b"=", b"\xff", b"\xc3\xbc", b"\r\n ", b"\0")
parts = st.sampled_from((*TAGS, *ODD))
fields = st.tuples(names, st.lists(parts, max_size=10)).map(
    lambda each: each[0] + b": " + b"".join(each[1]) + b"\r\n"
)
headers = st.lists(fields, max_size=6).map(b"".join)
txt = st.sampled_from(
    (b"v=spf1 -all", b"v=spf1 include:far.org", b"v=DMARC1; p=reject", b"v=DKIM1; p=", b"\xff")
)
records = st.dictionaries(
    st.sampled_from(("far.org", "_dmarc.far.org", "s._domainkey.far.org", "far.net")).map(
        lambda name: ("TXT", name)
    ),
    st.lists(txt, max_size=3),
)


class AnyMessageTests(ExaminedCase):
    def examine(self, text: bytes, hello: str, dns: Records) -> None:
        self.setUp()
        self.dns = RecordsLookUp(dns)
        mail = message(text, sender="sue@far.org")
        verdict = self.verdict(replace(mail, client=replace(mail.client, hello=hello)))
        assert verdict.facts is not None
        header = verdict.facts.mail.content.header()
        self.assertTrue(header.startswith(f"{NAME}: {HOST};".encode()))
        (ours,) = [each for each in values(header, NAME) if each.startswith(HOST)]
        self.assertTrue(ours.isascii())
        self.assertIn("policy.applied-disposition=", ours)

    @given(headers, st.text(max_size=40), records)
    def test_any_header(self, header: bytes, hello: str, dns: Records) -> None:
        self.examine(header + b"\r\nHello\r\n", hello, dns)

    @given(headers, st.text(max_size=300))
    def test_any_header_above_a_signature(self, header: bytes, hello: str) -> None:
        dns = {**REJECT, **SPF_FAIL, **key_of("far.org")}
        self.examine(header + signed(TEXT), hello, dns)
