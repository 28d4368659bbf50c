"""SCRAM-SHA-256, server side."""

from __future__ import annotations

import base64

from twisted.trial.unittest import SynchronousTestCase

from mailhost.interfaces.logins import Challenge, SASLStep, ScramKeys
from mailhost.message.address import Address
from mailhost.message.client import Client
from mailhost.message.status import Status
from mailhost.net.sasl.client import ScramSha256Client
from mailhost.net.sasl.scram import ScramSha256Mechanism
from mailhost.net.sasl.scram_keys import derive_keys
from tests.net.sasl.fakes import ANN, SECURE, MechanismCase, OneAccount, step

SALT = base64.b64decode("W22ZaJ0SNY7soEsUEjb6gQ==")


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


class Scram(MechanismCase):
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
