"""STARTTLS for connections to other servers: opportunistic or required, and failed handshakes."""

from __future__ import annotations

from typing import Any, cast

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator
from twisted.trial.unittest import SynchronousTestCase

from mailhost.smtp.client.connect import NO_TLS, HandshakeFailed, open_over_tls, start_tls
from tests.smtp.client_talk import ClientCase

HANDSHAKE = "C: STARTTLS\nS: 220 go\n= secure\nC: EHLO us.example\nS: 250 there.example"


class StartTLSTests(ClientCase):
    def start(self, script: str, required: bool) -> Any:
        """Play the script, and return the Deferred of `start_tls`."""
        options = cast("IOpenSSLClientConnectionCreator", object())
        work = start_tls(self.client, self.dialogue, lambda: options, required)
        return self.run_script(work, script)

    def test_it_is_used_where_it_is_offered(self) -> None:
        for required in (False, True):
            self.setUp()
            self.open_up("STARTTLS")
            self.assertIsNone(self.successResultOf(self.start(HANDSHAKE, required)))
            self.assertEqual((1, True), (self.wire.handshakes, self.client.secure))

    def test_a_server_that_does_not_offer_it(self) -> None:
        for required, refusal in ((False, None), (True, NO_TLS)):
            self.setUp()
            self.open_up()
            self.assertEqual(refusal, self.successResultOf(self.start("", required)))

    def test_a_server_that_refuses_it(self) -> None:
        for required, code in ((False, None), (True, 454)):
            self.setUp()
            self.open_up("STARTTLS")
            refusal = self.successResultOf(self.start("C: STARTTLS\nS: 454 no", required))
            self.assertEqual(code, refusal and refusal.code)

    def test_a_refused_hello_over_tls_refuses_the_connection(self) -> None:
        self.open_up("STARTTLS")
        script = HANDSHAKE.replace("250 there.example", "451 no")
        refusal = self.successResultOf(self.start(script, False))
        self.assertEqual(451, refusal.code)

    def test_a_failed_handshake(self) -> None:
        self.open_up("STARTTLS")
        work = self.start("C: STARTTLS\nS: 220 go\n= lost", False)
        failed = self.failureResultOf(work, HandshakeFailed).value
        self.assertIn("the TLS handshake failed", str(failed))
        self.assertIsNone(failed.answer)


class OpenTests(SynchronousTestCase):
    def opened(self, *, wanted: bool, required: bool, works: bool) -> list[bool]:
        """Return the arguments of `open_once`, whose handshakes succeed if it `works`."""
        calls = []

        async def open_once(with_tls: bool) -> bool:
            calls.append(with_tls)
            if with_tls and not works:
                raise HandshakeFailed("no", None)
            return with_tls

        work = Deferred.fromCoroutine(open_over_tls(open_once, wanted=wanted, required=required))
        if required and not works:
            self.failureResultOf(work, HandshakeFailed)
        else:
            self.assertEqual(calls[-1], self.successResultOf(work))
        return calls

    def test_without_tls_after_a_failed_handshake(self) -> None:
        self.assertEqual([True], self.opened(wanted=True, required=False, works=True))
        self.assertEqual([True, False], self.opened(wanted=True, required=False, works=False))
        self.assertEqual([False], self.opened(wanted=False, required=False, works=False))

    def test_not_where_tls_is_required(self) -> None:
        self.assertEqual([True], self.opened(wanted=True, required=True, works=False))
