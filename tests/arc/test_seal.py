"""Sets of ours: dkimpy verifies them, also in chains that it began."""

from __future__ import annotations

import dkim
from twisted.trial.unittest import SynchronousTestCase

from mailhost.arc.seal import NotSealed, seal
from mailhost.arc.verify import ARCResult, ARCStatus
from mailhost.dkim.body import hash_body
from mailhost.dkim.sign import BODY_FORM
from mailhost.message.authentication_results import NAME, MethodResult, results_field
from mailhost.message.content import Content
from tests.arc.messages import HOST, sealed_often, verified
from tests.dkim.messages import KEYS, NOW, PLAIN, SIGNERS, signed
from tests.dkim.test_sign import ODD

SPF = MethodResult("spf", "pass", [("smtp.mailfrom", "b.example")])
RESULTS = results_field(HOST, [SPF]).removeprefix(f"{NAME}: ".encode())


def sealed_here(message: bytes, number: int = 0, found: ARCResult | None = None) -> bytes:
    """The message with a set of ours in front; signer 0 has an RSA key, 1 an Ed25519 key."""
    content = Content((message,))
    header = content.header()
    body = hash_body(content, header, [BODY_FORM])[BODY_FORM]
    found = found or verified(message)
    return seal(header, body, found, RESULTS, SIGNERS[number], NOW) + message


def dkimpy_accepts(message: bytes) -> bool:
    """Whether dkimpy says that the chain passes."""

    def find(name: bytes, timeout: int = 5) -> bytes:
        return KEYS[("TXT", name.decode().rstrip("."))][0]

    return bool(dkim.arc_verify(message, dnsfunc=find)[0] == b"pass")


class Seals(SynchronousTestCase):
    def test_dkimpy_accepts_our_sets_of_odd_mail(self) -> None:
        for message in ODD:
            found = sealed_here(signed(message))
            self.assertTrue(dkimpy_accepts(found), found[:2000])
            self.assertEqual(verified(found).status.value, "pass")

    def test_a_chain_of_several_hosts(self) -> None:
        message = sealed_here(sealed_here(sealed_often(2)))
        result = verified(message)
        self.assertEqual((result.status.value, len(result.sets)), ("pass", 4))
        self.assertEqual(result.sets[3].text, "mx.a.example;\tspf=pass smtp.mailfrom=b.example")
        self.assertTrue(dkimpy_accepts(message))
        self.assertEqual(verified(sealed_here(message, 1)).status.value, "pass")

    def test_lines_are_short(self) -> None:
        fields = sealed_here(PLAIN)[: -len(PLAIN)]
        self.assertLess(max(map(len, fields.split(b"\r\n"))), 79)

    def test_what_is_not_sealed(self) -> None:
        broken = sealed_often(1) + b"more\r\n"
        for message in (broken, PLAIN.replace(b"From", b"X"), b"From: b\r\n" + PLAIN):
            self.assertRaises(NotSealed, sealed_here, message)
        once = verified(sealed_often(1)).sets
        full = ARCResult(ARCStatus.PASS, once * 50)
        self.assertRaises(NotSealed, sealed_here, PLAIN, 0, full)
