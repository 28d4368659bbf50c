"""Negotiation and macros: what is agreed on, and what follows from it."""

from __future__ import annotations

from dataclasses import replace

from twisted.trial.unittest import SynchronousTestCase

from mailhost.message.address import Address
from mailhost.message.client import Client, TLSState
from mailhost.milter import macros, stages
from mailhost.milter.codec import MilterFailed
from mailhost.milter.commands import MacrosCommand
from mailhost.milter.macros import macros_for
from mailhost.milter.negotiation import OFFER, Actions, NegotiatedTerms, Options, agree
from mailhost.milter.stages import Wishes
from tests.milter.talk import ANN, BOB, MilterCase

TERMS = NegotiatedTerms(6, Actions(0), Wishes(0))
VALUES = {
    "j": "mx.example.org",
    "i": "4711",
    "{mail_addr}": "ann@example.org",
    "{rcpt_addr}": "bob@example.net",
    "{tls_version}": "TLSv1.3",
    "{odd}": "x",
}


class Agreeing(SynchronousTestCase):
    def test_less_is_fine(self) -> None:
        for version in (2, 3, 4, 6):
            terms = agree(OFFER, Options(version, Actions.ADD_FIELDS, Wishes.NO_BODY))
            self.assertEqual(NegotiatedTerms(version, Actions.ADD_FIELDS, Wishes.NO_BODY), terms)

    def test_more_is_not(self) -> None:
        offer = replace(OFFER, actions=Actions.ADD_FIELDS, wishes=Wishes.SKIP)
        for answer, text in (
            (Options(1), "version 1"),
            (Options(7), "version 7"),
            (Options(6, Actions.QUARANTINE, Wishes(0)), "QUARANTINE"),
            (Options(6, Actions(1 << 20), Wishes(0)), "may not"),
            (Options(6, Actions(0), Wishes.NO_BODY), "NO_BODY"),
        ):
            with self.subTest(text):
                self.assertIn(text, str(self.assertRaises(MilterFailed, agree, offer, answer)))

    def test_wishes_that_nobody_knows_are_none(self) -> None:
        terms = agree(OFFER, Options(6, Actions(0), Wishes(1 << 28 | 1)))
        self.assertEqual(Wishes.NO_CONNECT, terms.wishes)

    def test_its_own_macros(self) -> None:
        chosen = ((2, "i, {mail_addr} auth_type"), (5, ""), (99, "x"))
        terms = agree(OFFER, Options(6, Actions(0), Wishes(0), chosen))
        self.assertEqual(("i", "{mail_addr}", "{auth_type}"), terms.macros[2])
        self.assertEqual((), terms.macros[5])


class OnTheWire(MilterCase):
    def test_its_own_macros(self) -> None:
        self.open("F: O|6|100|0|2|i {odd}|3|")
        self.lines("")
        self.session.verdict = None
        self.client.quit()
        self.assertEqual(("i", "{odd}"), self.client.terms.macros[2])

    def test_what_is_no_offer(self) -> None:
        for answer, text in (
            ("F: c", "answered our offer with b'c'"),
            ("F: O|7|0|0", "version 7"),
            ("F: O|6|200|0", "may not"),
        ):
            with self.subTest(answer):
                self.setUp()
                work = self.play(self.client.negotiate(), f"C: O|6|1ff|1ff7ff\n{answer}")
                self.assert_failed(work, text)

    def test_nothing_goes_before_it(self) -> None:
        self.failureResultOf(self.play(self.client.hello("x", {}), ""), ValueError)
        with self.assertRaises(MilterFailed):
            _ = self.client.terms

    def test_macros_go_before_their_stage(self) -> None:
        self.greet()
        script = "C: D|M|i|4711|{mail_addr}|ann@example.org\nC: M|<ann@example.org>\nF: c\n"
        self.successResultOf(self.play(self.client.mail(ANN, [], VALUES), script))
        script = "C: D|R|i|4711|{rcpt_addr}|bob@example.net\nC: R|<bob@example.net>\nF: c"
        self.successResultOf(self.play(self.client.recipient(BOB, [], VALUES), script))


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
