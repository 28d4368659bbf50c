"""The services that mail programs are set up for."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from mailhost.config.model import DEFAULT_LISTEN, Listen
from mailhost.config.protocol import ListenProtocol
from mailhost.web.offers import Offer, Offers, offers_of

IMAPS, IMAP = Offer("imap", 993, True), Offer("imap", 143, False)
POP3S, POP3 = Offer("pop3", 995, True), Offer("pop3", 110, False)
SUBMISSIONS, SUBMISSION = Offer("smtp", 465, True), Offer("smtp", 587, False)


def listeners(*pairs: tuple[str, str]) -> list[Listen]:
    return [Listen(protocol=ListenProtocol(name), endpoint=where) for name, where in pairs]


class OffersTests(SynchronousTestCase):
    def test_all_listeners_the_best_first(self) -> None:
        self.assertEqual(
            offers_of("mx.example.org", DEFAULT_LISTEN),
            Offers("mx.example.org", (IMAPS, IMAP, POP3S, POP3), (SUBMISSIONS, SUBMISSION)),
        )

    def test_only_what_listens_is_offered_and_the_usual_port_first(self) -> None:
        found = offers_of(
            "mx.example.org",
            listeners(
                ("submission", "tcp:2525"),
                ("submission", "tcp:587"),
                ("pop3s", "tcp:995"),
                ("imaps", "tcp:993:interface=127.0.0.1"),
                ("smtp", "tcp:25"),
            ),
        )
        self.assertEqual((found.reading, found.sending), ((POP3S,), (SUBMISSION,)))

    def test_a_host_on_loopback_alone(self) -> None:
        found = offers_of("a.example", listeners(("imap", "tcp:143:interface=127.0.0.1")))
        self.assertEqual((found.reading, found.sending), ((IMAP,), ()))
