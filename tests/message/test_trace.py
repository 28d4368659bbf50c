"""The fields Received, Return-Path and Delivered-To, also with hostile values."""

from __future__ import annotations

import re
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailhost.message.address import parse_address
from mailhost.message.client import Client, TLSState
from mailhost.message.envelope import Envelope, ForwardPath
from mailhost.message.header import fields
from mailhost.message.trace import delivery_fields, received_field, with_protocol
from tests.fakes import envelope

TLS = TLSState("TLSv1.3", "TLS_AES_128_GCM_SHA256")
ANN = parse_address("ann@a.example")
CLIENT = Client("192.0.2.7", 4711, hello="far.example", extended=True)
ONE = envelope("bob@b.example")
NOW = 1_700_000_000.7


def received(client: Client = CLIENT, to: Envelope = ONE) -> bytes:
    """Return the Received field."""
    return received_field(client, to, "mx.a.example", "id1", NOW)


class ReceivedTests(SynchronousTestCase):
    def test_plain(self) -> None:
        self.assertEqual(
            received(),
            b"Received: from far.example ([192.0.2.7])\r\n"
            b"\tby mx.a.example (mailhost) with ESMTP id id1\r\n"
            b"\tfor <bob@b.example>; Tue, 14 Nov 2023 22:13:20 +0000\r\n",
        )

    def test_tls_version_and_cipher(self) -> None:
        field = received(replace(CLIENT, tls=TLS))
        self.assertIn(b"with ESMTPS id id1\r\n", field)
        self.assertIn(b"\t(using TLSv1.3 with cipher TLS_AES_128_GCM_SHA256)\r\n", field)

    def test_several_recipients_are_not_named(self) -> None:
        field = received(to=envelope("bob@b.example", "eve@b.example"))
        self.assertNotIn(b"bob", field)
        self.assertNotIn(b"eve", field)

    def test_the_address_of_the_client(self) -> None:
        for ip, wanted in {
            "2001:db8::1": b"([IPv6:2001:db8::1])",
            "127.0.0.1": b"([127.0.0.1])",
            "": b"(local socket)",
        }.items():
            self.assertIn(b"from far.example " + wanted, received(replace(CLIENT, ip=ip)))
        self.assertIn(b"from unknown ([", received(replace(CLIENT, hello="")))

    def test_utf8_only_with_smtputf8(self) -> None:
        client = replace(CLIENT, hello="exämple.com")
        to = envelope("jörg@b.example")
        self.assertTrue(received(client, to).isascii())
        self.assertNotIn(b"for", received(client, to))
        agreed = received(client, replace(to, smtputf8=True)).decode()
        self.assertIn("from exämple.com", agreed)
        self.assertIn("for <jörg@b.example>", agreed)

    def test_protocols(self) -> None:
        lmtp = replace(CLIENT, protocol="lmtp")
        for client, utf8, wanted in (
            (replace(CLIENT, extended=False), False, "SMTP"),
            (CLIENT, False, "ESMTP"),
            (replace(CLIENT, account=ANN), False, "ESMTPA"),
            (replace(CLIENT, tls=TLS), False, "ESMTPS"),
            (replace(CLIENT, tls=TLS, account=ANN), False, "ESMTPSA"),
            (CLIENT, True, "UTF8SMTP"),
            (replace(CLIENT, account=ANN), True, "UTF8SMTPA"),
            (replace(CLIENT, tls=TLS), True, "UTF8SMTPS"),
            (replace(CLIENT, tls=TLS, account=ANN), True, "UTF8SMTPSA"),
            (lmtp, False, "LMTP"),
            (replace(lmtp, tls=TLS), False, "LMTPS"),
            (replace(lmtp, account=ANN), False, "LMTPA"),
            (replace(lmtp, tls=TLS, account=ANN), False, "LMTPSA"),
            (lmtp, True, "UTF8LMTP"),
            (replace(lmtp, tls=TLS), True, "UTF8LMTPS"),
        ):
            self.assertEqual(with_protocol(client, replace(ONE, smtputf8=utf8)), wanted)

    @settings(deadline=None)
    @given(
        st.text(max_size=255)
        | st.text('a.()<>;,:"\\[]\r\n\t \0\x85\u2028@=', max_size=60).map(
            lambda hostile: f"x{hostile}\r\nInjected: yes"
        ),
        st.booleans(),
    )
    def test_a_hostile_name_does_not_end_the_field(self, hello: str, utf8: bool) -> None:
        field = received(replace(CLIENT, hello=hello), replace(ONE, smtputf8=utf8))
        text = field.decode()
        self.assertEqual(len(list(fields(field))), 1)
        self.assertTrue(field.endswith(b"\r\n"))
        self.assertEqual(text.count("\n"), 3)
        self.assertEqual(text.count("\r"), 3)
        self.assertEqual(len(text.splitlines()), 3)
        self.assertRegex(text, re.compile(r"Received: from [^\s()<>;,\"\\]+ \(\[192"))
        self.assertEqual(text.count("("), 2)
        self.assertLess(max(map(len, field.split(b"\r\n"))), 998)
        self.assertTrue(utf8 or field.isascii())


class DeliveryTests(SynchronousTestCase):
    def test_return_path_and_delivered_to(self) -> None:
        self.assertEqual(
            delivery_fields(parse_address("sue@far.example"), ANN),
            b"Return-Path: <sue@far.example>\r\nDelivered-To: ann@a.example\r\n",
        )
        self.assertIn(b"Return-Path: <>\r\n", delivery_fields(None, ANN))

    def test_the_longest_address_fits_a_line(self) -> None:
        text = f"{'a.' * 320}@{'.'.join(['x' * 63] * 4)}"
        longest = parse_address(text, lenient=True)
        top = delivery_fields(longest, longest) + received(
            to=Envelope(None, (ForwardPath(longest),))
        )
        self.assertEqual(top.count(text.encode()), 3)
        self.assertLess(max(map(len, top.split(b"\r\n"))), 998)

    @settings(deadline=None)
    @given(st.text('a"\\<>() ,;:ö@', min_size=1, max_size=20))
    def test_an_unusual_address_does_not_end_its_field(self, local: str) -> None:
        hostile = replace(ANN, local=local)
        found = list(fields(delivery_fields(hostile, hostile)))
        self.assertEqual([field.name for field in found], [b"Return-Path", b"Delivered-To"])
