"""Seals on forwarded messages; dkimpy verifies them."""

from __future__ import annotations

from collections.abc import Collection
from types import SimpleNamespace
from typing import Any, cast

import dkim
from twisted.trial.unittest import SynchronousTestCase

from mailhost.concurrency.answers import result_of
from mailhost.dkim.sign import Signer
from mailhost.message.authentication_results import MethodResult, results_field
from mailhost.message.content import Content
from mailhost.signing.forwarding import Forwarding
from tests.arc.messages import sealed_often, verified
from tests.dkim.messages import ED25519, KEYS, NOW, PLAIN, RSA, signed
from tests.fakes import now
from tests.queue.fakes import here

HOST = "mx.a.example"
RECORDS = {**KEYS, ("TXT", f"r._domainkey.{HOST}"): KEYS[("TXT", "r._domainkey.a.example")]}
SIGNERS = [Signer(HOST, "e", ED25519), Signer(HOST, "r", RSA)]


def examined(message: bytes, arc: str = "none") -> bytes:
    """The message as this host has received it."""
    results = [MethodResult("dmarc", "pass", [("header.from", "a.example")])]
    field = results_field(HOST, [*results, MethodResult("arc", arc, reason="x; arc=none")])
    return b"Received: from x by y\r\n" + field + message


def find(name: bytes, timeout: int = 5) -> bytes:
    """The record of a key in DNS."""
    return RECORDS[("TXT", name.decode().rstrip("."))][0]


class ForwardingTests(SynchronousTestCase):
    def seal(
        self,
        message: bytes,
        *domains: str,
        to: Collection[str] = ("gmail.com",),
        signers: Any = SIGNERS,
    ) -> bytes:
        """The message as it is sent on to these domains."""
        ring = cast(Any, SimpleNamespace(signers=lambda domain: signers))
        forwarding = Forwarding(ring, HOST, to, here, lambda: NOW)
        answer = forwarding.seal(Content((message,)), domains or ("gmail.com",))
        content: Content = now(result_of(answer))
        return content.read()

    def test_dkimpy_accepts_the_seal(self) -> None:
        for message in (examined(signed(PLAIN)), examined(sealed_often(2), "pass")):
            sealed = self.seal(message)
            self.assertTrue(sealed.endswith(message))
            self.assertEqual(dkim.arc_verify(sealed, dnsfunc=find)[0], b"pass")
            result = verified(sealed, RECORDS)
            self.assertEqual((result.status.value, result.sealers[-1]), ("pass", HOST))
            self.assertIn("dmarc=pass header.from=a.example", result.sets[-1].text)

    def test_the_destinations_of_the_settings(self) -> None:
        message = examined(PLAIN)
        for patterns, domain, wanted in (
            (["gmail.com"], "gmail.com", True),
            (["gmail.com"], "mail.gmail.com", False),
            (["*.example"], "far.example", True),
            (["*"], "far.example", True),
            (["a.example", "b.example"], "far.example", False),
        ):
            sealed = self.seal(message, domain, to=patterns)
            self.assertEqual(sealed != message, wanted, (patterns, domain))

    def test_messages_that_cannot_be_sealed_leave_as_they_are(self) -> None:
        for message in (
            PLAIN,
            examined(sealed_often(1) + b"more\r\n", "fail"),
            examined(PLAIN, "temperror"),
            examined(b"Subject: no author\r\n\r\n"),
        ):
            self.assertEqual(self.seal(message), message)
        for signers in ([], SIGNERS[:1]):
            self.assertEqual(self.seal(examined(PLAIN), signers=signers), examined(PLAIN))
