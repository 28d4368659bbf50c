"""MAIL and RCPT as they are sent, and messages that another host cannot accept."""

from __future__ import annotations

from dataclasses import replace

from twisted.trial.unittest import SynchronousTestCase

from mailhost.message.envelope import Envelope
from mailhost.message.tls_demand import TLSDemand
from mailhost.smtp.client.sending import (
    NEEDS_SMTPUTF8,
    TOO_LARGE,
    mail_command,
    rcpt_command,
)
from mailhost.smtp.server.command import (
    parse_mail,
    parse_rcpt,
)
from tests.fakes import envelope as envelope_to
from tests.smtp.client_talk import ON_WIRE, TEXT, SendCase


class LengthTests(SynchronousTestCase):
    def test_values_that_a_strict_host_would_refuse_are_left_out(self) -> None:
        for pluses in (33, 34):
            envelope = parse_mail(f"FROM:<a@b.example> ENVID={'+' * pluses}x".encode())
            command = mail_command(envelope, {"DSN": ""}, 0, False)
            self.assertEqual(b" ENVID=" in command, pluses == 33)
        for kind, written, fits in (
            ("rfc822", "+" * 164 + "x", True),
            ("rfc822", "+" * 165, False),
            ("utf-8", r"\x{FC}" * 83, False),
        ):
            path = parse_rcpt(
                f"TO:<a@b.example> NOTIFY=NEVER ORCPT={kind};{written}".encode(), True
            )
            command = rcpt_command(path, {"DSN": ""})
            self.assertEqual((b" ORCPT=" in command, b"NOTIFY=NEVER" in command), (fits, True))


class Limits(SendCase):
    def test_announced_limits_are_kept(self) -> None:
        self.open_up("PIPELINING", "LIMITS RCPTMAX=1 MAILMAX=7 ODD=x")
        self.assertEqual(7, self.dialogue.most_transactions)
        script = "".join(
            rf"""
            C| MAIL FROM:<sue@far.example>\r\nRCPT TO:<{name}@x.example>\r\nDATA\r\n
            S| 250 OK\r\n250 OK\r\n354 go\r\n
            C| {ON_WIRE}
            S: 250 OK"""
            for name in "ab"
        )
        self.assertEqual("250 250", self.send(script))
        self.assertEqual(2, self.dialogue.transactions)

    def test_size(self) -> None:
        self.open_up(f"SIZE {len(TEXT) - 1}")
        self.assertEqual("552 552", self.send(""))
        self.assertEqual({TOO_LARGE}, set(self.sending.statuses.values()))

    def test_no_size_and_sizes_without_sense(self) -> None:
        for offer in ("SIZE", "SIZE 0", "SIZE x", "SIZE 9999", "SIZE " + "9" * 30):
            self.setUp()
            self.open_up(offer)
            script = f"C: MAIL FROM:<sue@far.example> SIZE={len(TEXT)}\nS: 550 no"
            self.assertEqual("550 550", self.send(script))


class UTF8(SendCase):
    envelope = envelope_to("j\u00fcrgen@x.example")

    def test_a_host_without_it(self) -> None:
        self.open_up()
        self.assertEqual("553", self.send(""))
        self.assertEqual({NEEDS_SMTPUTF8}, set(self.sending.statuses.values()))

    def test_a_host_with_it(self) -> None:
        self.open_up("SMTPUTF8", "8BITMIME")
        script = r"""
            C: MAIL FROM:<sue@far.example> SMTPUTF8
            S: 250 OK
            C| RCPT TO:<j\xc3\xbcrgen@x.example>\r\n
            S: 550 no"""
        self.assertEqual("550", self.send(script))


class UTF8Header(SendCase):
    text = "Subject: gr\u00fc\u00dfe\r\n\r\nhi\r\n".encode()
    envelope = Envelope(
        envelope_to().reverse_path, envelope_to("a@x.example").recipients, smtputf8=True
    )

    def test_a_header_in_utf8_needs_it(self) -> None:
        self.open_up()
        self.assertEqual("553", self.send(""))

    def test_an_ascii_header_does_not(self) -> None:
        self.text = TEXT
        self.open_up()
        self.assertEqual("550", self.send("C: MAIL FROM:<sue@far.example>\nS: 550 no"))


class RequireTLS(SendCase):
    envelope = replace(envelope_to("a@x.example"), tls=TLSDemand.REQUIRED)

    def test_a_host_that_offers_it_over_tls(self) -> None:
        self.client.secure = True
        self.open_up("REQUIRETLS")
        self.assertEqual("550", self.send("C: MAIL FROM:<sue@far.example> REQUIRETLS\nS: 550 no"))

    def test_an_offer_in_the_clear_does_not_count(self) -> None:
        self.open_up("requiretls", "DSN")
        self.assertEqual({"DSN"}, set(self.dialogue.offers))

    def test_other_mail_goes_without_it(self) -> None:
        self.client.secure = True
        self.open_up("REQUIRETLS")
        for tls in (TLSDemand.USUAL, TLSDemand.OPTIONAL):
            self.assertEqual(
                b"MAIL FROM:<sue@far.example>",
                mail_command(replace(self.envelope, tls=tls), self.dialogue.offers, 0, False),
            )
