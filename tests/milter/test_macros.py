"""The macros that go before each stage, and their values."""

from __future__ import annotations

from dataclasses import replace

from twisted.trial.unittest import SynchronousTestCase

from mailhost.message.address import Address
from mailhost.message.client import Client, TLSState
from mailhost.milter import macros, stages
from mailhost.milter.commands import MacrosCommand
from mailhost.milter.macros import macros_for
from mailhost.milter.negotiation import Actions, NegotiatedTerms
from mailhost.milter.stages import ProtocolFlags
from tests.milter.talk import ANN, BOB, MilterCase

TERMS = NegotiatedTerms(6, Actions(0), ProtocolFlags(0))
VALUES = {
    "j": "mx.example.org",
    "i": "4711",
    "{mail_addr}": "ann@example.org",
    "{rcpt_addr}": "bob@example.net",
    "{tls_version}": "TLSv1.3",
    "{odd}": "x",
}


class WhichMacros(SynchronousTestCase):
    def test_the_usual_ones(self) -> None:
        for stage, names in (
            (stages.CONNECT, ["j"]),
            (stages.HELO, ["{tls_version}"]),
            (stages.MAIL, ["i", "{mail_addr}"]),
            (stages.RCPT, ["i", "{rcpt_addr}"]),
            (stages.DATA, ["i"]),
            (stages.END_OF_HEADER, ["i"]),
            (stages.END_OF_BODY, ["i"]),
        ):
            wanted = MacrosCommand(stage.letter, tuple((name, VALUES[name]) for name in names))
            self.assertEqual(wanted, macros_for(stage, TERMS, VALUES))
        for stage in (stages.HEADER, stages.BODY):
            self.assertIsNone(macros_for(stage, TERMS, VALUES))

    def test_the_filters_choice(self) -> None:
        terms = replace(TERMS, macros={2: ("{odd}", "{none}"), 5: ()})
        wanted = MacrosCommand(b"M", (("{odd}", "x"),))
        self.assertEqual(wanted, macros_for(stages.MAIL, terms, VALUES))
        self.assertEqual(MacrosCommand(b"E", ()), macros_for(stages.END_OF_BODY, terms, VALUES))
        self.assertEqual(
            MacrosCommand(b"T", (("i", "4711"),)), macros_for(stages.DATA, terms, VALUES)
        )

    def test_none_before_a_stage_that_it_knows_not(self) -> None:
        old = replace(TERMS, version=3)
        self.assertIsNone(macros_for(stages.DATA, old, VALUES))
        self.assertIsNotNone(macros_for(stages.END_OF_BODY, old, VALUES))


class Values(SynchronousTestCase):
    def test_ourselves(self) -> None:
        ours = {"j": "mx.example.org", "{daemon_name}": "mx.example.org", "v": "mailhost 1"}
        self.assertEqual(ours, macros.of_host("mx.example.org", "mailhost 1"))
        reached = macros.of_host("mx.example.org", "mailhost 1", "192.0.2.9", 25)
        self.assertEqual("25", reached["{daemon_port}"])
        self.assertEqual("192.0.2.9", reached["{daemon_addr}"])

    def test_a_client(self) -> None:
        tls = TLSState("TLSv1.3", "TLS_AES_256_GCM_SHA384")
        client = Client("2001:db8::1", 4025, tls=tls, account=Address("ann", "example.org"))
        wanted = {
            "_": "far.example [2001:db8::1]",
            "{client_addr}": "IPv6:2001:db8::1",
            "{client_name}": "far.example",
            "{client_ptr}": "far.example",
            "{client_port}": "4025",
            "{tls_version}": "TLSv1.3",
            "{cipher}": "TLS_AES_256_GCM_SHA384",
            "{cipher_bits}": "256",
            "{auth_authen}": "ann@example.org",
            "{auth_type}": "SCRAM-SHA-256",
        }
        self.assertEqual(wanted, macros.of_client(client, "far.example", "SCRAM-SHA-256"))

    def test_a_client_of_whom_little_is_known(self) -> None:
        self.assertEqual("unknown [192.0.2.1]", macros.of_client(Client("192.0.2.1"))["_"])
        self.assertEqual("localhost [127.0.0.1]", macros.of_client(Client(""))["_"])
        self.assertNotIn("{auth_type}", macros.of_client(Client("")))

    def test_ciphers(self) -> None:
        for cipher, bits in (
            ("ECDHE-RSA-AES128-GCM-SHA256", "128"),
            ("TLS_CHACHA20_POLY1305_SHA256", "256"),
            ("TLS_AES_128_GCM_SHA256", "128"),
            ("NULL-SHA256", None),
        ):
            values = macros.of_client(Client("", tls=TLSState("TLSv1.2", cipher)))
            self.assertEqual(bits, values.get("{cipher_bits}"))

    def test_addresses(self) -> None:
        self.assertEqual(
            {"{mail_addr}": "", "{mail_host}": "", "{mail_mailer}": "esmtp"},
            macros.of_sender(None),
        )
        self.assertEqual("example.org", macros.of_sender(ANN)["{mail_host}"])
        local = macros.of_recipient(BOB, "mx.example.net", "local")
        self.assertEqual(
            {
                "{rcpt_addr}": "bob@example.net",
                "{rcpt_host}": "mx.example.net",
                "{rcpt_mailer}": "local",
            },
            local,
        )


class OnTheWire(MilterCase):
    def test_macros_go_before_their_stage(self) -> None:
        self.greet()
        script = "C: D|M|i|4711|{mail_addr}|ann@example.org\nC: M|<ann@example.org>\nF: c\n"
        self.successResultOf(self.play(self.client.mail(ANN, [], VALUES), script))
        script = "C: D|R|i|4711|{rcpt_addr}|bob@example.net\nC: R|<bob@example.net>\nF: c"
        self.successResultOf(self.play(self.client.recipient(BOB, [], VALUES), script))
