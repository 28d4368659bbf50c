"""The server's side of PLAIN, LOGIN and SCRAM-SHA-256, step by step."""

from __future__ import annotations

import base64

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from mailhost.interfaces.logins import Challenge, ISASLMechanism, SASLStep, ScramKeys
from mailhost.message.address import Address
from mailhost.message.client import Client
from mailhost.message.status import Status
from mailhost.net.sasl.client import ScramSha256Client
from mailhost.net.sasl.mechanisms import MECHANISMS, new_mechanism
from mailhost.net.sasl.scram import ScramSha256Mechanism
from mailhost.net.sasl.scram_keys import derive_keys
from tests.net.sasl.fakes import ANN, SECURE, OneAccount, step

SALT = base64.b64decode("W22ZaJ0SNY7soEsUEjb6gQ==")


class Exchange(SynchronousTestCase):
    def setUp(self) -> None:
        self.authenticator = OneAccount()

    def begin(self, name: str) -> ISASLMechanism:
        mechanism = new_mechanism(name, SECURE, self.authenticator)
        assert mechanism is not None
        return mechanism

    def assertCode(self, code: int, answer: SASLStep) -> None:
        assert isinstance(answer, Status), answer
        self.assertEqual(answer.code, code)


class Names(Exchange):
    def test_all_are_mechanisms(self) -> None:
        for name in MECHANISMS:
            verifyObject(ISASLMechanism, self.begin(name))

    def test_case_does_not_matter(self) -> None:
        self.begin("plain")

    def test_what_is_not_offered_is_not_made(self) -> None:
        self.assertIsNone(new_mechanism("CRAM-MD5", SECURE, self.authenticator))
        for name in MECHANISMS:
            self.assertIsNone(new_mechanism(name, Client("192.0.2.1"), self.authenticator))


class PlainMechanism(Exchange):
    def test_with_an_initial_response(self) -> None:
        answer = step(self.begin("PLAIN"), b"\0ann@example.com\0pass word")
        self.assertEqual(answer, ANN)
        self.assertEqual(self.authenticator.asked, [("ann@example.com", "pass word", "PLAIN")])

    def test_without_one(self) -> None:
        mechanism = self.begin("PLAIN")
        self.assertEqual(step(mechanism, None), Challenge(b""))
        self.assertEqual(step(mechanism, b"\0ann@example.com\0pass word"), ANN)

    def test_a_wrong_password(self) -> None:
        self.assertCode(535, step(self.begin("PLAIN"), b"\0ann@example.com\0wrong"))

    def test_as_oneself(self) -> None:
        for authzid in (b"ann@example.com", b"ANN@Example.COM"):
            response = authzid + b"\0ann@example.com\0pass word"
            self.assertEqual(step(self.begin("PLAIN"), response), ANN)

    def test_as_somebody_else(self) -> None:
        response = b"bob@example.com\0ann@example.com\0pass word"
        self.assertCode(535, step(self.begin("PLAIN"), response))
        self.assertEqual(self.authenticator.asked, [])

    def test_malformed(self) -> None:
        for response in (
            b"",
            b"ann",
            b"\0ann",
            b"\0ann\0b\0c",
            b"\0\0pass",
            b"\0ann\0",
            b"\0ann\0\xff",
            b"\0ann\0" + b"x" * 10_000,
        ):
            self.assertCode(501, step(self.begin("PLAIN"), response))
        self.assertEqual(self.authenticator.asked, [])


class LoginMechanism(Exchange):
    def test_asks_for_both(self) -> None:
        mechanism = self.begin("LOGIN")
        self.assertEqual(step(mechanism, None), Challenge(b"Username:"))
        self.assertEqual(step(mechanism, b"ann@example.com"), Challenge(b"Password:"))
        self.assertEqual(step(mechanism, b"pass word"), ANN)

    def test_the_name_as_initial_response(self) -> None:
        mechanism = self.begin("LOGIN")
        self.assertEqual(step(mechanism, b"ann@example.com"), Challenge(b"Password:"))
        self.assertCode(535, step(mechanism, b"wrong"))

    def test_malformed(self) -> None:
        self.assertCode(501, step(self.begin("LOGIN"), b""))
        self.assertCode(501, step(self.begin("LOGIN"), b"\xff"))
        mechanism = self.begin("LOGIN")
        step(mechanism, b"ann@example.com")
        self.assertCode(501, step(mechanism, b"a\0b"))


class ScramOfTheRFC(SynchronousTestCase):
    """The example of RFC 7677 §3."""

    def setUp(self) -> None:
        self.authenticator = OneAccount("user", "pencil")
        self.authenticator.keys = derive_keys("pencil", SALT, 4096)
        self.mechanism = ScramSha256Mechanism(
            SECURE, self.authenticator, nonce="%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
        )

    def test_the_dialogue(self) -> None:
        mechanism = self.mechanism
        self.assertEqual(
            step(mechanism, b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO"),
            Challenge(
                b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
                b"s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
            ),
        )
        self.assertEqual(
            step(
                mechanism,
                b"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
                b"p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
            ),
            Challenge(b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="),
        )
        self.assertEqual(step(mechanism, b""), ANN)
        self.assertEqual(self.authenticator.asked, [("user",), ("user", True)])


class Scram(Exchange):
    def finish(self, password: str, header: str = "n,,", change: str = "") -> SASLStep:
        """Run an exchange up to the server's last word; `change` replaces the nonce."""
        mechanism = self.begin("SCRAM-SHA-256")
        client = ScramSha256Client("ann@example.com", password, "abc")
        first = client.initial() or b""
        answer = step(mechanism, header.encode() + first.removeprefix(b"n,,"))
        if not isinstance(answer, Challenge):
            return answer
        final = client.respond(answer.data)
        answer = step(mechanism, final.replace(b"r=abc", change.encode() or b"r=abc"))
        if not isinstance(answer, Challenge):
            return answer
        self.assertEqual(client.respond(answer.data), b"")
        return step(mechanism, b"")

    def test_the_right_password(self) -> None:
        self.assertEqual(self.finish("pass word"), ANN)

    def test_prepared_passwords_are_one(self) -> None:
        self.assertEqual(self.finish("pass\u00a0word"), ANN)

    def test_a_wrong_one_is_counted(self) -> None:
        self.assertCode(535, self.finish("wrong"))
        self.assertEqual(self.authenticator.asked[-1], ("ann@example.com", False))

    def test_channel_binding_is_not_offered(self) -> None:
        self.assertCode(535, self.finish("pass word", header="p=tls-exporter,,"))
        self.assertEqual(self.authenticator.asked, [])

    def test_a_header_that_changes_on_the_way(self) -> None:
        # the client sends c=biws, which is `n,,`; the first message said `y,,`
        self.assertCode(501, self.finish("pass word", header="y,,"))

    def test_a_client_that_knows_channel_binding(self) -> None:
        mechanism = self.begin("SCRAM-SHA-256")
        self.assertIsInstance(step(mechanism, b"y,,n=ann@example.com,r=abc"), Challenge)

    def test_another_nonce(self) -> None:
        self.assertCode(501, self.finish("pass word", change="r=xyz"))

    def test_as_somebody_else(self) -> None:
        self.assertCode(535, self.finish("pass word", header="n,a=bob@example.com,"))

    def test_names_with_commas(self) -> None:
        step(self.begin("SCRAM-SHA-256"), b"n,,n=a=2Cb=3Dc,r=abc")
        self.assertEqual(self.authenticator.asked, [("a,b=c",)])

    def test_malformed_first(self) -> None:
        for response in (
            b"",
            b"n",
            b"n,,",
            b"x,,n=a,r=b",
            b"n,b,n=a,r=b",
            b"n,,r=b,n=a",
            b"n,,m=x,n=a,r=b",
            b"n,,n=a=2,r=b",
            b"n,,n=,r=b",
            b"n,,n=a,r=",
            b"n,,n=a,r=\xc3\xa4",
            b"n,,n=a\0,r=b",
            b"\xff",
        ):
            self.assertCode(501, step(self.begin("SCRAM-SHA-256"), response))

    def test_malformed_final(self) -> None:
        for response in (b"", b"c=biws", b"c=biws,r=x", b"c=!,r=x,p=eA==", b"r=x,c=biws,p=eA=="):
            mechanism = self.begin("SCRAM-SHA-256")
            step(mechanism, b"n,,n=a,r=b")
            self.assertCode(501, step(mechanism, response))

    def test_a_short_proof(self) -> None:
        mechanism = ScramSha256Mechanism(SECURE, self.authenticator, nonce="n")
        step(mechanism, b"n,,n=ann@example.com,r=b")
        self.assertCode(535, step(mechanism, b"c=biws,r=bn,p=eA=="))

    def test_without_an_initial_response(self) -> None:
        self.assertEqual(step(self.begin("SCRAM-SHA-256"), None), Challenge(b""))

    def test_a_locked_out_client(self) -> None:
        locked = Status(421, "4.7.0", "Later")

        class Locked(OneAccount):
            async def scram_keys(self, client: Client, username: str) -> ScramKeys | Status:
                return locked

            async def scram_result(
                self, client: Client, username: str, proven: bool
            ) -> Address | Status:
                return locked

        self.authenticator = Locked()
        self.assertEqual(self.finish("pass word"), locked)


class Anything(Exchange):
    @settings(deadline=None)
    @given(
        st.sampled_from(sorted(MECHANISMS)),
        st.lists(
            st.binary() | st.sampled_from([b"n,,n=a,r=b", b"c=biws,r=b", b"\0a\0b"]), max_size=4
        ),
    )
    def test_no_bytes_crash_a_mechanism(self, name: str, responses: list[bytes]) -> None:
        mechanism = self.begin(name)
        for response in responses:
            answer = step(mechanism, response)
            self.assertIsInstance(answer, Challenge | Status)
            if isinstance(answer, Status):
                return
