"""Verification: the published examples, what is refused, and why."""

from __future__ import annotations

import base64
from dataclasses import replace
from typing import Any

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicNumbers
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from twisted.trial.unittest import SynchronousTestCase

from mailhost.dkim.body import BodyHashes
from mailhost.dkim.canonical import Canonicalization
from mailhost.dkim.field_text import as_field, with_signature
from mailhost.dkim.sign import field_without_signature
from mailhost.dkim.signature import MOST_SIGNATURES
from mailhost.dkim.signed_header import SignedHeader
from mailhost.interfaces.dns import Found, Question
from mailhost.message.content import Content
from tests.dkim.messages import (
    ED25519,
    KEYS,
    NOW,
    PLAIN,
    SIGNERS,
    reasons,
    results,
    signed,
    statuses,
)
from tests.dkim.rfc_messages import KEYS as RFC_KEYS
from tests.dkim.rfc_messages import RFC_6376, RFC_8463

RFC_RECORDS = {("TXT", name): [record] for name, record in RFC_KEYS.items()}
NAME = ("TXT", "r._domainkey.a.example")
RECORD = KEYS[NAME][0]
SIGNED = signed(PLAIN, SIGNERS[:1])


class Examples(SynchronousTestCase):
    def test_rfc_6376(self) -> None:
        [result] = results(RFC_6376, RFC_RECORDS)
        self.assertEqual(
            (result.status.value, result.domain, result.selector, result.identity),
            ("pass", "example.com", "brisbane", "joe@football.example.com"),
        )
        self.assertEqual(result.beginning, "AuUoFEfD")

    def test_rfc_8463(self) -> None:
        self.assertEqual(statuses(RFC_8463, RFC_RECORDS), ["pass", "pass"])

    def test_changed_on_the_way(self) -> None:
        self.assertEqual(statuses(RFC_6376.replace(b"game. ", b"game.  "), RFC_RECORDS), ["fail"])
        self.assertEqual(statuses(RFC_8463.replace(b"Joe.", b"Moe."), RFC_RECORDS), ["fail"] * 2)
        self.assertEqual(
            reasons(RFC_8463.replace(b"Subject: Is", b"Subject: Was"), RFC_RECORDS),
            ["the signature does not match"] * 2,
        )


class Results(SynchronousTestCase):
    def check(self, status: str, reason: str, message: bytes = SIGNED, **more: Any) -> None:
        self.assertEqual(statuses(message, **more), [status])
        self.assertIn(reason, reasons(message, **more)[0])

    def with_record(self, change: str) -> dict[str, Any]:
        old, new = change.split(" -> ")
        record = RECORD.replace(old.encode(), new.encode(), 1)
        self.assertNotEqual(record, RECORD)
        return {"records": {NAME: [record]}}

    def test_keys_that_are_not_there(self) -> None:
        for found, status, reason in (
            ([], "permerror", "no key in DNS"),
            (Found.NO_DOMAIN, "permerror", "no key in DNS"),
            (Found.FAILED, "temperror", "could not be looked up"),
        ):
            self.check(status, reason, records={NAME: found})

    def test_rules_of_the_key_record(self) -> None:
        for change, reason in (
            ("v=DKIM1 -> v=DKIM2", "no DKIM1 key record"),
            ("v=DKIM1;  -> s=email; v=DKIM1; ", "no DKIM1 key record"),
            ("k=rsa -> k=rsa; s=tlsrpt", "not for mail"),
            ("k=rsa -> k=rsa; h=sha1", "not for SHA-256"),
            ("k=rsa -> k=dsa", "'dsa' are not known"),
            ("k=rsa -> k=ed25519", "cannot be read"),
            ("p= -> q=", "has no key"),
            ("p= -> p=!", "cannot be read"),
            ("p= -> p=;q=", "revoked"),
            ("k=rsa -> k=rsa; k=rsa", "appears twice"),
        ):
            self.check("permerror", reason, **self.with_record(change))
        for change in (
            "v=DKIM1;  -> ",
            "k=rsa -> k=rsa; s= other : email ",
            "k=rsa -> k=rsa; h=sha1:sha256",
            "k=rsa -> n=unknown tags are ignored; t=s",
        ):
            self.check("pass", "", **self.with_record(change))

    def test_of_several_records_the_first_usable_one_counts(self) -> None:
        self.check("pass", "", records={NAME: [b"hello", b"v=spf1 -all", RECORD]})
        self.check("permerror", "", records={NAME: [b"hello"] * 3 + [RECORD]})
        ed = ED25519.record().encode()
        self.check("permerror", "the key is one for ed25519", records={NAME: [ed]})

    def test_a_key_for_tests_is_noted(self) -> None:
        [result] = results(SIGNED, **self.with_record("k=rsa -> k=rsa; t=y:s"))
        self.assertTrue(result.testing)
        message = SIGNED.replace(b"Subject: Hello", b"Subject: Bye")
        [result] = results(message, **self.with_record("k=rsa -> k=rsa; t=y:s"))
        self.assertEqual((result.status.value, result.testing), ("fail", True))

    def test_a_strict_key_is_not_for_subdomains(self) -> None:
        message = SIGNED.replace(b"c=relaxed", b"i=x@sub.a.example; c=relaxed")
        self.check("permerror", "subdomains", message, **self.with_record("k=rsa -> t=s"))
        self.check("fail", "does not match", message)

    def test_short_and_long_keys(self) -> None:
        for bits, reason in (
            (1016, "fewer than 1024"),
            (8200, "more than 8192"),
            (16384, "more than 8192"),
        ):
            self.check("permerror", reason, records={NAME: [_record_with(bits)]})

    def test_sha1_is_refused(self) -> None:
        message = SIGNED.replace(b"rsa-sha256", b"rsa-sha1")
        self.check("permerror", "'rsa-sha1' is not accepted", message)

    def test_more_or_less_than_one_author_field(self) -> None:
        for message in (
            SIGNED.replace(b"Subject: Hello", b"From: eve@e.example"),
            SIGNED.replace(b"From: ann@a.example\r\n", b""),
        ):
            self.check("permerror", "exactly one From", message)

    def test_a_field_cannot_be_added(self) -> None:
        for name in (b"Subject", b"Cc", b"Reply-To", b"Content-Type"):
            self.check("fail", "does not match", name + b": x\r\n" + SIGNED)
        self.check("pass", "", b"X-Other: x\r\nReceived: x\r\n" + SIGNED)

    def test_expiry(self) -> None:
        message = signed(PLAIN, (replace(SIGNERS[0], validity=1000),))
        self.check("pass", "", message, now=NOW + 1299)
        self.check("fail", "expired", message, now=NOW + 1301)

    def test_part_of_the_body(self) -> None:
        """With l=, all that follows is by anybody: the number is noted."""
        message = SIGNED.replace(b"c=relaxed/relaxed", b"c=relaxed/relaxed; l=13")
        self.check("fail", "does not match", message)
        self.assertEqual(results(message)[0].length, 13)
        longer = message + b"more\r\n"
        self.check("fail", "does not match", longer)
        self.check("fail", "body has changed", message.replace(b"l=13", b"l=12"))
        self.check("permerror", "shorter than l=", message.replace(b"l=13", b"l=14"))

    def test_more_than_the_signed_part_of_the_body(self) -> None:
        """Anybody can add to such a body, so this is no pass (RFC 8601 §2.7.1)."""
        self.check("pass", "", signed_up_to(13))
        self.check("policy", "does not cover the end of the body", signed_up_to(3))
        self.check("policy", "does not cover the end of the body", signed_up_to(13) + b"more\r\n")

    def test_unreadable_signatures(self) -> None:
        for old, new, reason in (
            (b"v=1", b"v=2", "version"),
            (b"v=1", b"v=1; v=1", "twice"),
            (b"v=1; ", b"", "tag v is missing"),
            (b"bh=", b"bh=!", "no base64"),
            (b"h=from:from", b"h=x-from:to", "From field is not signed"),
            (b"c=relaxed", b"c=loose", "'loose/relaxed' is not known"),
            (b"d=a.example", b"d=[192.0.2.1]", "address literal"),
            (b"d=a.example", b"d=a..example", "no domain"),
            (b"d=a.example", b"d=a.example; i=ann@b.example", "not below"),
            (b"d=a.example", b"d=a.example; i=a.example", "not below"),
            (b"d=a.example", b"d=a.example; q=http", "dns/txt"),
            (b"d=a.example", b"d=a.example; l=-1", "tag l is no number"),
            (b"d=a.example", b"d=a.example; x=1", "expires before"),
            (b"s=r", b"s=r r", "no selector"),
            (b"h=from", b"h=" + b"a:" * 100 + b"from", "more than 100"),
            (b"v=1", b"v=1; n=" + b"x" * 20_000, "longer"),
            (b"v=1", b"v=1;;", "no tag"),
        ):
            message = SIGNED.replace(old, new, 1)
            self.assertNotEqual(message, SIGNED, new)
            self.check("neutral", reason, message)

    def test_names_of_the_signer_are_known_where_the_signature_is_unreadable(self) -> None:
        [result] = results(SIGNED.replace(b"v=1", b"v=2", 1))
        self.assertEqual((result.domain, result.selector), ("a.example", "r"))
        [result] = results(SIGNED.replace(b"v=1", b"=", 1))
        self.assertEqual((result.domain, result.selector), ("", ""))

    def test_unicode_domains_are_asked_for_by_their_a_labels(self) -> None:
        asked: list[Question[Any]] = []
        [result] = results(SIGNED.replace(b"d=a.example", "d=bücher.example".encode()), asked=asked)
        self.assertEqual(result.domain, "xn--bcher-kva.example")
        self.assertEqual([each.name for each in asked], ["r._domainkey.xn--bcher-kva.example"])


class Bounds(SynchronousTestCase):
    def test_a_thousand_signatures(self) -> None:
        field = SIGNED[: SIGNED.index(b"From:")]
        asked: list[Question[Any]] = []
        self.assertEqual(len(results(field * 1000 + PLAIN, asked=asked)), MOST_SIGNATURES)
        self.assertEqual(len(asked), MOST_SIGNATURES)

    def test_dns_is_not_asked_where_the_body_has_changed(self) -> None:
        asked: list[Question[Any]] = []
        results(SIGNED + b"more\r\n", asked=asked)
        self.assertEqual(asked, [])

    def test_a_long_header_section(self) -> None:
        message = signed(b"X-Long: " + b"word  " * 170_000 + b"\r\n" + PLAIN)
        self.assertEqual(statuses(message), ["pass", "pass"])
        longer = b"X-Long: " + b"word  " * 180_000 + b"\r\n"
        self.assertEqual(
            reasons(message[: message.index(b"X-Long")] + longer + PLAIN),
            ["the header section is too long"] * 2,
        )

    def test_a_long_record(self) -> None:
        record = RECORD + b" " * 60_000
        self.assertEqual(reasons(SIGNED, {NAME: [record]}), ["the key record is too long"])


def signed_up_to(length: int) -> bytes:
    """PLAIN with a signature over so many octets of its body."""
    header = Content((PLAIN,)).header()
    bodies = BodyHashes([(Canonicalization.RELAXED, length)])
    bodies.add(PLAIN[len(header) + 2 :])
    [body] = bodies.finish().values()
    beginning = f"DKIM-Signature: v=1; l={length};"
    unsigned = field_without_signature(beginning, SIGNERS[0], [b"from"], body, int(NOW))
    signature = as_field(unsigned)
    digest = SignedHeader(header).digest([b"from"], Canonicalization.RELAXED, signature, unsigned)
    return with_signature(unsigned, SIGNERS[0].key.sign(digest)) + PLAIN


def _record_with(bits: int) -> bytes:
    """A record with an RSA key of this length. It has no private half."""
    key = RSAPublicNumbers(65537, (1 << (bits - 1)) + 1).public_key()
    octets = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return b"v=DKIM1; p=" + base64.b64encode(octets)
