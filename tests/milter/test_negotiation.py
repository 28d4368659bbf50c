"""Negotiation: the offer, the answers of filters, and the terms that follow."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailhost.milter.codec import MilterFailed, Packet
from mailhost.milter.negotiation import (
    OFFER,
    Actions,
    MilterOptions,
    NegotiatedTerms,
    agree,
    parse_options,
)
from mailhost.milter.stages import ProtocolFlags
from tests.milter.strategies import NUMBER, TEXT
from tests.milter.talk import MilterCase

OPTIONS = st.builds(
    MilterOptions,
    NUMBER,
    NUMBER.map(Actions),
    NUMBER.map(ProtocolFlags),
    st.lists(st.tuples(NUMBER, TEXT), max_size=4).map(tuple),
)


class Packets(SynchronousTestCase):
    @given(OPTIONS)
    def test_options(self, options: MilterOptions) -> None:
        self.assertEqual(options, parse_options(options.packet()))

    def test_what_is_no_offer(self) -> None:
        for packet in (Packet(b"c"), Packet(b"O", b"\0" * 11), Packet(b"O", b"\0" * 13)):
            self.assertRaises(MilterFailed, parse_options, packet)


class Agreeing(SynchronousTestCase):
    def test_less_is_fine(self) -> None:
        for version in (2, 3, 4, 6):
            terms = agree(OFFER, MilterOptions(version, Actions.ADD_FIELDS, ProtocolFlags.NO_BODY))
            self.assertEqual(
                NegotiatedTerms(version, Actions.ADD_FIELDS, ProtocolFlags.NO_BODY), terms
            )

    def test_more_is_not(self) -> None:
        offer = replace(OFFER, actions=Actions.ADD_FIELDS, protocol_flags=ProtocolFlags.SKIP)
        for answer, text in (
            (MilterOptions(1), "version 1"),
            (MilterOptions(7), "version 7"),
            (MilterOptions(6, Actions.QUARANTINE, ProtocolFlags(0)), "QUARANTINE"),
            (MilterOptions(6, Actions(1 << 20), ProtocolFlags(0)), "may not"),
            (MilterOptions(6, Actions(0), ProtocolFlags.NO_BODY), "NO_BODY"),
        ):
            with self.subTest(text):
                self.assertIn(text, str(self.assertRaises(MilterFailed, agree, offer, answer)))

    def test_unknown_flags_are_ignored(self) -> None:
        terms = agree(OFFER, MilterOptions(6, Actions(0), ProtocolFlags(1 << 28 | 1)))
        self.assertEqual(ProtocolFlags.NO_CONNECT, terms.protocol_flags)

    def test_its_own_macros(self) -> None:
        chosen = ((2, "i, {mail_addr} auth_type"), (5, ""), (99, "x"))
        terms = agree(OFFER, MilterOptions(6, Actions(0), ProtocolFlags(0), chosen))
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
