"""Signatures of ours: their form, and what dkimpy says of them and we of dkimpy's."""

from __future__ import annotations

import re

from hypothesis import given, settings
from twisted.trial.unittest import SynchronousTestCase

from mailhost.dkim.sign import OVERSIGNED, SIGNED, NotSigned, Signer
from mailhost.message.content import HEADER_LIMIT
from tests.dkim.messages import (
    ED25519,
    KEYS,
    PLAIN,
    RSA,
    SIGNERS,
    bodies,
    dkimpy_accepts,
    dkimpy_signs,
    field_values,
    records_of,
    signed,
    statuses,
)

ODD = (
    PLAIN[: PLAIN.index(b"\r\n\r\n") + 2],
    PLAIN.split(b"\r\n\r\n")[0] + b"\r\n\r\n",
    PLAIN + b"\r\n \r\n\r\n\t\r\n",
    PLAIN + b"x" * 998 + b"\r\n",
    PLAIN + b"\ta\t \tb  c \r\n" * 50,
    PLAIN + "Grüße\r\n".encode("latin-1"),
    PLAIN.replace(b"Subject: Hello", b"Subject:\r\n Hello\r\n \tyou  \r\n\t."),
    PLAIN.replace(b"Subject: Hello", "Subject: Grüße".encode()),
    PLAIN.replace(b"Subject: Hello", b"SUBJECT:Hello  "),
    PLAIN.replace(b"Subject: Hello", b"Subject:"),
    PLAIN.replace(b"To: bob@b.example", b"To: a@b.example\r\nTo: c@b.example\r\nCc: d@b.example"),
    PLAIN.replace(b"To: bob@b.example", b"To: " + b",\r\n ".join([b"a@b.example"] * 5000)),
    PLAIN.replace(b"\r\n\r\n", b"\r\nMIME-Version: 1.0\r\nList-Unsubscribe: <x>\r\n\r\n"),
    PLAIN + b"\r\n",
)


class Form(SynchronousTestCase):
    def test_the_fields(self) -> None:
        fields = signed(PLAIN)[: -len(PLAIN)].decode()
        self.assertEqual(fields.count("DKIM-Signature: v=1; "), 2)
        for line in fields.split("\r\n"):
            self.assertLessEqual(len(line), 78, line)
        first = re.sub(r"\r\n\t", " ", fields.split("\r\nDKIM")[0])
        self.assertIn("; a=rsa-sha256; c=relaxed/relaxed; d=a.example; s=r; t=1700000000; ", first)
        self.assertNotIn("; l=", first)

    def test_fields_are_signed_once_more_than_they_appear(self) -> None:
        message = PLAIN.replace(b"Subject", b"Cc: x\r\nCc: y\r\nList-Unsubscribe: <x>\r\nSubject")
        unfolded = signed(message).replace(b"\r\n\t", b"")
        found = re.search(rb"; ?h=([^;]*);", unfolded)
        assert found is not None
        names = found[1].split(b":")
        for name, number in (
            (b"from", 2),
            (b"to", 2),
            (b"cc", 3),
            (b"subject", 2),
            (b"reply-to", 1),
            (b"content-type", 1),
            (b"list-unsubscribe", 1),
            (b"list-unsubscribe-post", 0),
            (b"received", 0),
        ):
            self.assertEqual(names.count(name), number, name)

    def test_long_names(self) -> None:
        domain = ".".join(["a" * 60] * 4)
        signer = Signer(domain, ".".join(["s" * 60] * 3), RSA, 86_400)
        message = signed(PLAIN, (signer,))
        self.assertEqual(statuses(message, records_of(signer)), ["pass"])
        self.assertLess(max(map(len, message.split(b"\r\n"))), 400)

    def test_a_message_without_exactly_one_author_field_is_not_signed(self) -> None:
        for message in (PLAIN.replace(b"From", b"X"), PLAIN.replace(b"To", b"From")):
            self.assertRaises(NotSigned, signed, message)

    def test_a_message_with_a_header_section_that_is_cut_is_not_signed(self) -> None:
        error = self.assertRaises(NotSigned, signed, b"X: " + b"x" * HEADER_LIMIT + PLAIN)
        self.assertIn("too long", str(error))

    def test_hundreds_of_fields_of_one_name_are_not_all_listed(self) -> None:
        every = [name for name in OVERSIGNED + SIGNED if name != b"from"]
        message = b"".join(name + b": x\r\n" for name in every) * 300 + PLAIN
        self.assertLess(signed(message).index(b"reply-to: x"), 5000)
        self.assertEqual(statuses(signed(message)), ["pass", "pass"])


class SecondOpinion(SynchronousTestCase):
    def test_dkimpy_accepts_our_signatures_of_odd_mail(self) -> None:
        for message in ODD:
            for number in range(len(SIGNERS)):
                self.assertTrue(dkimpy_accepts(signed(message), number), message[:300])
            self.assertEqual(statuses(signed(message)), ["pass", "pass"])

    def test_we_accept_its_signatures_of_odd_mail(self) -> None:
        for message in ODD:
            for header in (b"simple", b"relaxed"):
                for body in (b"simple", b"relaxed"):
                    for key in (RSA, ED25519):
                        found = dkimpy_signs(message, (header, body), key)
                        self.assertEqual(statuses(found), ["pass"], (header, body, message[:300]))

    @settings(deadline=None, max_examples=30)
    @given(bodies, field_values)
    def test_any_mail(self, body: bytes, value: bytes) -> None:
        fields = b"From: ann@a.example\r\nTo: x\r\nSubject: x" + value + b"\r\n"
        message = fields + b"\r\n" + body + b"\r\n"
        ours = signed(message)
        self.assertEqual(statuses(ours), ["pass", "pass"])
        self.assertTrue(dkimpy_accepts(ours, 0))
        theirs = dkimpy_signs(message, (b"relaxed", b"relaxed"), RSA)
        self.assertEqual(statuses(theirs, KEYS), ["pass"])
