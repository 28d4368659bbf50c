"""Hostile messages and DNS records: few questions, and bounded time."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable
from typing import Any, TypeVar, cast

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicNumbers
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from twisted.internet.defer import Deferred

from mailhost.interfaces.dns import Question, Record, Reply
from mailhost.interfaces.verdict import Decision, Verdict
from tests.lookups import Records, RecordsLookUp
from tests.reception.filters.authenticity.case import (
    REJECT,
    SPF_FAIL,
    TEXT,
    ExaminedCase,
    key_of,
    signed,
)
from tests.reception.filters.mails import message

SECONDS = 3.0  # of processor time; the slowest takes 0.3 s on a free machine
SIGNATURE = signed(TEXT).removesuffix(TEXT)
LARGE = 500_000  # octets, nearly as many as a header section may have


def arc_set(number: int) -> bytes:
    """A set of ARC fields that cannot be right."""
    validity = b"pass" if number > 1 else b"none"
    signature = SIGNATURE.replace(b"DKIM-Signature: v=1;", b"ARC-Message-Signature: i=%d;" % number)
    return (
        b"ARC-Seal: i=%d; a=ed25519-sha256; cv=%s; d=far.org; s=s; b=AAAA\r\n" % (number, validity)
        + signature
        + b"ARC-Authentication-Results: i=%d; x; dmarc=pass\r\n" % number
    )


T = TypeVar("T")


class OneSilentDomain(RecordsLookUp):
    """Never replies to questions about names below a domain."""

    def __init__(self, records: Records, domain: str) -> None:
        super().__init__(records)
        self._domain = domain

    async def look_up(self, question: Question[Record]) -> Reply[Record]:
        if question.name.endswith(self._domain):
            return await Deferred()
        return await super().look_up(question)


class HostileTests(ExaminedCase):
    def quick(self, text: bytes, records: Any, questions: int, **more: Any) -> Verdict:
        """Check how many questions a message costs at most."""
        dns = self.dns = RecordsLookUp({**REJECT, **key_of("far.org"), **records})
        begun = time.process_time()
        verdict = self.look(text, **more)
        self.assertLess(time.process_time() - begun, SECONDS)
        self.assertLessEqual(len(dns.asked), questions)
        return verdict

    def test_a_thousand_signatures(self) -> None:
        verdict = self.quick(SIGNATURE * 1000 + TEXT, {}, 8)
        self.assertEqual(self.header(verdict).count(b" dkim="), 10)
        different = b"".join(
            SIGNATURE.replace(b"d=far.org", b"d=d%d.org" % each) for each in range(1000)
        )
        self.quick(different + TEXT, {}, 20)

    def test_sets_of_arc(self) -> None:
        for numbers in (range(50, 0, -1), range(1000), [1] * 1000):
            self.quick(b"".join(map(arc_set, numbers)) + TEXT, {}, 60)

    def test_large_fields(self) -> None:
        named = SIGNATURE.replace(b"h=from:", b"h=from:x-0:")
        for value in (b"\t " * (LARGE // 2), b"a\r\n " * (LARGE // 4), b"a b  c " * (LARGE // 7)):
            self.quick(named * 10 + b"X-0: " + value + b"\r\n" + TEXT, {}, 8)

    def test_odd_fields(self) -> None:
        for field in (
            b"From: " + b"(" * LARGE,
            b"From: " + b", ".join(b"a%d@far.org" % each for each in range(LARGE // 20)),
            b"List-Id: " + b"<" * LARGE,
            b"List-Id: <a>" + b" " * LARGE + b"x",
            b"DKIM-Signature: " + b"=" * LARGE,
            b"DKIM-Signature: v=1; b=" + b"A?" * (LARGE // 2),
            b"ARC-Seal: i=1; b=" + b"A?" * (LARGE // 2),
        ):
            self.quick(field + b"\r\n" + TEXT, {}, 8)

    def test_spf_records_that_lead_to_each_other(self) -> None:
        records = {
            ("TXT", f"a{number}.org"): [
                f"v=spf1 include:a{number}.org include:a{(number + 1) % 9}.org -all".encode()
            ]
            for number in range(9)
        }
        verdict = self.quick(TEXT, records, 30, sender="x@a0.org")
        self.assertIn(b"spf=permerror", self.header(verdict))

    def test_records_of_64_kilobytes(self) -> None:
        records = {
            ("TXT", "far.org"): [b"v=spf1 " + b"a:x.org " * 8000],
            ("TXT", "_dmarc.far.org"): [b"v=DMARC1; " + b"p=reject; " * 6500],
            ("TXT", "s._domainkey.far.org"): [b"v=DKIM1; p=" + b"A" * 65_000],
        }
        verdict = self.quick(signed(TEXT), records, 30)
        self.assertIn(b'dkim=permerror reason="the key record is too long"', self.header(verdict))
        many = {("TXT", "_dmarc.far.org"): [b"v=DMARC1; p=reject"] * 3000}
        self.quick(TEXT, many, 8)

    def test_a_key_of_16_kilobit(self) -> None:
        numbers = RSAPublicNumbers(65_537, (1 << 16_384) - 1)
        form = PublicFormat.SubjectPublicKeyInfo
        der = numbers.public_key().public_bytes(Encoding.DER, form)
        record = b"v=DKIM1; k=rsa; p=" + base64.b64encode(der)
        text = signed(TEXT).replace(b"ed25519-sha256", b"rsa-sha256")
        verdict = self.quick(text, {("TXT", "s._domainkey.far.org"): [record]}, 8)
        self.assertRegex(self.header(verdict), b"dkim=permerror reason=.the key has 16384 bits")

    def test_an_rsa_key_with_a_large_exponent(self) -> None:
        """A check by it would take 14 ms in the reactor's thread, ten of them 0.14 s."""
        numbers = RSAPublicNumbers((1 << 3070) - 1, (1 << 3071) + 1)
        form = PublicFormat.SubjectPublicKeyInfo
        der = numbers.public_key().public_bytes(Encoding.DER, form)
        record = b"v=DKIM1; k=rsa; p=" + base64.b64encode(der)
        text = signed(TEXT).replace(b"ed25519-sha256", b"rsa-sha256")
        verdict = self.quick(text, {("TXT", "s._domainkey.far.org"): [record]}, 8)
        self.assertRegex(self.header(verdict), b"dkim=permerror reason=.the exponent")

    def test_a_stranger_with_slow_dns_cannot_make_other_checks_end_without_a_result(self) -> None:
        """A temperror for the author's domain would let a forged message pass."""
        slow = SIGNATURE.replace(b"d=far.org", b"d=slow.org")
        forged = slow * 5 + SIGNATURE.replace(b"s=s;", b"s=none;") + TEXT
        self.dns = OneSilentDomain({**REJECT, **SPF_FAIL}, "slow.org")
        found = self.filter(reject="always").look(message(forged, sender="sue@far.org"))
        examining: Deferred[Verdict] = Deferred.fromCoroutine(cast(Any, found))
        self.clock.advance(21)
        verdict = self.successResultOf(examining)
        self.assertIs(verdict.decision, Decision.REJECT)
        self.assertIn(b"dkim=temperror", self.header(verdict))

    def test_a_stranger_whose_reverse_names_are_slow(self) -> None:
        """The SPF records of some domains ask for the names of the client. A temperror there would
        let a forged message pass."""
        record = b"v=spf1 ptr a:out.far.org -all"
        records = {**REJECT, ("TXT", "far.org"): [record], ("A", "out.far.org"): ["192.0.2.99"]}
        names = [f"n{number}.slow.org" for number in range(9)]
        for slow, name in (("arpa", []), ("slow.org", names)):
            reverse = {("PTR", "7.2.0.192.in-addr.arpa"): name}
            self.dns = OneSilentDomain({**records, **reverse}, slow)
            found = self.filter(reject="always").look(message(TEXT, sender="sue@far.org"))
            examining: Deferred[Verdict] = Deferred.fromCoroutine(cast(Any, found))
            self.clock.pump([1.0] * 30)
            verdict = self.successResultOf(examining)
            self.assertIs(verdict.decision, Decision.REJECT)

    def test_the_time_to_hash_a_body_does_not_count(self) -> None:
        """Else a forger could use it up with large messages."""
        forged = SIGNATURE.replace(b"s=s;", b"s=none;") + TEXT + b"x\r\n" * 40_000
        self.dns = RecordsLookUp({**REJECT, **SPF_FAIL})
        self.slow = 60.0
        verdict = self.verdict(message(forged, sender="sue@far.org"), reject="always")
        self.assertIs(verdict.decision, Decision.REJECT)

    def in_thread(self, work: Callable[[], T]) -> Deferred[T]:
        """As the parent, in a thread that takes long."""
        self.clock.advance(self.slow)
        return super().in_thread(work)

    slow = 0.0

    def test_names_of_512_labels(self) -> None:
        name = b".".join([b"a"] * 512)
        text = TEXT.replace(b"far.org", name)
        verdict = self.quick(text, {}, 12)
        self.assertIn(b"dmarc=permerror", self.header(verdict))
        long = ".".join(["a"] * 120) + ".org"
        self.quick(TEXT.replace(b"far.org", long.encode()), {}, 24, sender=f"x@{long}")
