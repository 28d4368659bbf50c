"""Facts in plain words."""

from __future__ import annotations

import json

from twisted.trial.unittest import SynchronousTestCase

from mailhost.interfaces.events import Command, Commanded, Event, LoginRefused, Queued, Reported
from mailhost.interfaces.tls_sessions import TLSFailure
from mailhost.interfaces.verdict import Decision
from mailhost.trace.timeline import fact_text, named
from tests.trace.samples import (
    ANN,
    DEFERRED,
    NO_USER,
    REFUSED_RCPT,
    SECURE,
    SUE,
    attempted,
    filtered,
    received,
    rows,
    session,
)


def words(event: Event) -> str:
    """An event as it is told."""
    (row,) = rows([event], 1.0)
    (facts,) = json.loads(row[3])
    return fact_text(facts)


class TimelineTests(SynchronousTestCase):
    def test_lines(self) -> None:
        for event, line in (
            (
                received("one", client=SECURE),
                "received from <sue@far.example> to <ann@example.com>, 485 octets, Message-ID "
                "<one@far.example>, by submission from [192.0.2.2]:4712 (hello phone, TLSv1.3 AES) "
                "as ann@example.com",
            ),
            (
                REFUSED_RCPT,
                "refused RCPT TO:<eve@example.com>, sender <sue@far.example>, by smtp from "
                "[192.0.2.1]:4711 (hello mx.far.example, no TLS): 550 5.1.1 No such user",
            ),
            (
                LoginRefused(SECURE, "ann", NO_USER, 3),
                "refused login as 'ann', by submission from [192.0.2.2]:4712 (hello phone, TLSv1.3 "
                "AES) as ann@example.com: 550 5.1.1 No such user",
            ),
            (
                filtered(Decision.REJECT, observed=True),
                "filter words: would reject for <ann@example.com>: it has a word",
            ),
            (
                attempted(through="team@example.com"),
                "delivered to <ann@example.com> (by the alias <team@example.com>): 250 2.0.0 OK",
            ),
            (
                DEFERRED,
                "deferred for <dave@gmail.com> by gmail-smtp-in.l.google.com [192.0.2.25], is "
                "tried again: 421 4.7.26 gmail-smtp-in.l.google.com said: This mail is "
                "unauthenticated 1si gsmtp; the other host said: 421 4.7.26 This mail is "
                "unauthenticated 1si gsmtp",
            ),
            (Queued("one", None, (ANN,)), "queued for <ann@example.com>"),
            (
                Commanded("one", Command.HELD, (ANN,)),
                "held by a command of the operator, for <ann@example.com>",
            ),
            (
                session(),
                "TLS to gmail.com at gmail-smtp-in.l.google.com [192.0.2.25]: TLSv1.3 AES, decided "
                "by MTA-STS, mode testing",
            ),
            (
                session(TLSFailure.HOST_MISMATCH),
                "TLS to gmail.com at gmail-smtp-in.l.google.com [192.0.2.25]: no TLS, decided by "
                "MTA-STS, mode testing; certificate-host-mismatch, mail goes on: the name differs",
            ),
            (Reported("one", "bounce", SUE, "two"), "bounce sent to <sue@far.example> as two"),
        ):
            self.assertEqual(words(event), line)

    def test_many_recipients(self) -> None:
        self.assertEqual(named("ab"), "<a>, <b>")
        self.assertEqual(named("abcdefg", 3), "<a>, <b>, <c>, <d>, <e> and 5 more")

    def test_a_fact_of_a_newer_mailhost(self) -> None:
        self.assertEqual(fact_text({"event": "weighed", "at": 1}), "(weighed)")
