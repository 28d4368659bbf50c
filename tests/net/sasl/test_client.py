"""The client's side: which mechanism is chosen, and what it makes of challenges."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailhost.interfaces.logins import Challenge
from mailhost.net.sasl.client import (
    BadChallenge,
    LoginClient,
    PlainClient,
    ScramSha256Client,
    choose,
)
from mailhost.net.sasl.mechanisms import MECHANISMS, new_mechanism
from tests.net.sasl.fakes import ANN, SECURE, OneAccount, step

ALL = ("LOGIN", "plain", "CRAM-MD5", "SCRAM-SHA-256")


class Choice(SynchronousTestCase):
    def name(self, *offered: str, secure: bool = True) -> str:
        exchange = choose(offered, "ann", "secret", secure)
        return exchange.name if exchange else ""

    def test_the_best_is_chosen(self) -> None:
        self.assertEqual(self.name(*ALL), "SCRAM-SHA-256")
        self.assertEqual(self.name("LOGIN", "PLAIN"), "PLAIN")
        self.assertEqual(self.name("LOGIN"), "LOGIN")
        self.assertEqual(self.name("CRAM-MD5"), "")

    def test_no_password_in_the_clear(self) -> None:
        self.assertEqual(self.name("LOGIN", "PLAIN", secure=False), "")
        self.assertEqual(self.name(*ALL, secure=False), "SCRAM-SHA-256")


class WithOurServer(SynchronousTestCase):
    def test_every_mechanism_logs_in(self) -> None:
        for name in MECHANISMS:
            exchange = choose([name], "ann@example.com", "pass word", True)
            mechanism = new_mechanism(name, SECURE, OneAccount())
            assert exchange and mechanism
            answer = step(mechanism, exchange.initial())
            while isinstance(answer, Challenge):
                answer = step(mechanism, exchange.respond(answer.data))
            self.assertEqual(answer, ANN, name)


class Challenges(SynchronousTestCase):
    def test_plain_and_login_answer_once(self) -> None:
        plain = PlainClient("ann", "secret")
        self.assertEqual(plain.initial(), b"\0ann\0secret")
        self.assertRaises(BadChallenge, plain.respond, b"more")
        login = LoginClient("ann", "secret")
        self.assertEqual((login.respond(b"?"), login.respond(b"?")), (b"ann", b"secret"))
        self.assertRaises(BadChallenge, login.respond, b"?")

    def test_names_with_commas(self) -> None:
        self.assertEqual(ScramSha256Client("a,b=c", "x", "n").initial(), b"n,,n=a=2Cb=3Dc,r=n")

    def test_scram_refuses_a_weak_or_strange_server(self) -> None:
        for challenge in (
            b"r=x,s=eA==,i=4096",  # not our nonce
            b"r=n,s=eA==,i=4096",  # nothing added
            b"r=nx,s=eA==,i=1",
            b"r=nx,s=eA==,i=99999999",
            b"r=nx,s=!,i=4096",
            b"r=nx,s=eA==",
            b"s=eA==,r=nx,i=4096",
            b"m=1,r=nx,s=eA==,i=4096",
            b"r=nx,s=eA==,i=\xff",
        ):
            self.assertRaises(BadChallenge, ScramSha256Client("a", "b", "n").respond, challenge)

    def test_scram_wants_the_servers_proof(self) -> None:
        client = ScramSha256Client("a", "b", "n")
        client.respond(b"r=nx,s=eA==,i=4096")
        self.assertRaises(BadChallenge, client.respond, b"v=eA==")
        self.assertRaises(BadChallenge, client.respond, b"e=other-error")

    @settings(deadline=None)
    @given(st.lists(st.binary() | st.just(b"r=nx,s=eA==,i=4096"), max_size=3))
    def test_anything(self, challenges: list[bytes]) -> None:
        client = ScramSha256Client("a", "b", "n")
        try:
            for challenge in challenges:
                client.respond(challenge)
        except BadChallenge:
            return
