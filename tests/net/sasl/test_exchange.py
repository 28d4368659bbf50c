"""A SASL exchange over lines of base64."""

from __future__ import annotations

import base64
import re
from collections.abc import Awaitable

from twisted.trial.unittest import SynchronousTestCase

from mailhost.interfaces.logins import Challenge, SASLStep
from mailhost.message.client import Client
from mailhost.message.status import Status
from mailhost.net.sasl.exchange import CANCELLED, NOT_BASE64, SASLExchange, new_exchange
from mailhost.net.sasl.mechanisms import Logins
from tests.net.sasl.fakes import ANN, SECURE, OneAccount, now

RESPONSE = base64.b64encode(b"\0ann@example.com\0pass word")


class SASLExchangeTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.logins = Logins(OneAccount())

    def begin(self, name: bytes) -> SASLExchange:
        exchange = new_exchange(name, SECURE, self.logins)
        assert isinstance(exchange, SASLExchange)
        return exchange

    def step(self, answer: SASLStep | Awaitable[SASLStep]) -> SASLStep:
        return now(answer) if isinstance(answer, Awaitable) else answer

    def test_with_an_initial_response(self) -> None:
        self.assertEqual(self.step(self.begin(b"PLAIN").begin(RESPONSE)), ANN)

    def test_with_a_challenge(self) -> None:
        exchange = self.begin(b"plain")
        self.assertEqual(self.step(exchange.begin(b"")), Challenge(b""))
        self.assertEqual(self.step(exchange.line(RESPONSE)), ANN)

    def test_an_empty_initial_response_is_a_response(self) -> None:
        answer = self.step(self.begin(b"PLAIN").begin(b"="))
        assert isinstance(answer, Status)
        self.assertEqual(answer.code, 501)

    def test_the_client_may_cancel(self) -> None:
        exchange = self.begin(b"LOGIN")
        self.step(exchange.begin(b""))
        self.assertEqual(self.step(exchange.line(b"*")), CANCELLED)

    def test_responses_must_be_base64(self) -> None:
        for text in (b"a", b"====", b"\xff\xff\xff\xff", b"AGFubg==x"):
            self.assertEqual(self.step(self.begin(b"PLAIN").begin(text)), NOT_BASE64, text)

    def test_a_mechanism_that_is_not_offered(self) -> None:
        refusal = new_exchange(b"CRAM-\xff", SECURE, self.logins)
        assert isinstance(refusal, Status)
        self.assertEqual(refusal.code, 504)
        self.assertTrue(re.search("SCRAM-SHA-256 PLAIN LOGIN$", refusal.text))
        self.assertIsInstance(new_exchange(b"PLAIN", Client("192.0.2.1"), self.logins), Status)
