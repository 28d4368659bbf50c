"""Events of some messages, and a trace that has them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import closing

from mailhost.interfaces.events import Attempted, Event, Filtered, Queued, Received, Refused
from mailhost.interfaces.tls_sessions import AppliedPolicy, PolicyType, TLSFailure, TLSSession
from mailhost.interfaces.verdict import Decision, Finding, Stage
from mailhost.message.client import Client, TLSState
from mailhost.message.envelope import Envelope, ForwardPath
from mailhost.message.outcome import Fate, Outcome
from mailhost.message.status import OK, Status
from mailhost.trace.database import TraceDatabase
from mailhost.trace.quick_facts import QuickFacts
from mailhost.trace.rows import Row, rows_of
from mailhost.trace.schema import database_path
from tests.fakes import address

NOON = 1_772_366_400.0  # seconds since 1970
ANN, BOB, SUE = map(address, ("ann@example.com", "bob@example.com", "sue@far.example"))
CLIENT = Client("192.0.2.1", 4711, "smtp", "session1", "mx.far.example", True)
SECURE = Client(
    "192.0.2.2", 4712, "submission", "session2", "phone", True, TLSState("TLSv1.3", "AES"), ANN
)
NO_USER = Status(550, "5.1.1", "No such user")
GMAIL_SAID = Status(421, "4.7.26", "This mail is unauthenticated 1si gsmtp")
MX = "gmail-smtp-in.l.google.com [192.0.2.25]"


def received(identity: str = "one", *to: str, client: Client = CLIENT, sender: str = "") -> Event:
    """A message, from sue to ann unless it says otherwise."""
    recipients = tuple(map(address, to)) or (ANN,)
    reverse_path = address(sender) if sender else SUE
    return Received(client, identity, reverse_path, recipients, 485, f"<{identity}@far.example>")


def attempted(
    identity: str = "one",
    to: str = "ann@example.com",
    fate: Fate = Fate.DELIVERED,
    status: Status = OK,
    by: str = "",
    next_hop: str = "",
    through: str = "",
) -> Event:
    """An attempt for one recipient."""
    outcome = Outcome(ForwardPath(address(to)), fate, status, by)
    return Attempted(identity, outcome, tuple(map(address, through.split())), next_hop)


def relayed(identity: str, to: str, fate: Fate, status: Status = OK, by: str = MX) -> Event:
    """An attempt at another host, with its own words."""
    said = Status(status.code, status.enhanced, f"{by.partition(' ')[0]} said: {status.text}")
    next_hop = to.rpartition("@")[2]
    outcome = Outcome(
        ForwardPath(address(to)),
        fate,
        Status(said.code, said.enhanced, said.text, answer=status),
        by,
    )
    return Attempted(identity, outcome, next_hop=next_hop)


def filtered(decision: Decision, identity: str = "one", observed: bool = False) -> Event:
    """A filter that acts on a message from sue to ann."""
    finding = Finding("words", Stage.MESSAGE, decision, "it has a word", observed)
    return Filtered(CLIENT, identity, finding, Envelope(SUE, (ForwardPath(ANN),)))


def session(
    failure: TLSFailure | None = None, delivered: bool = True, domain: str = "gmail.com"
) -> Event:
    """A TLS session with the host of `relayed`."""
    policy = AppliedPolicy(PolicyType.STS, domain)
    mx, ip = MX.removesuffix("]").split(" [")
    tls = None if failure else TLSState("TLSv1.3", "AES")
    decided, reason = "MTA-STS, mode testing", "the name differs" if failure else ""
    return TLSSession(domain, policy, decided, failure, delivered, reason, mx, ip, tls=tls)


QUEUED = Queued("two", ANN, (address("dave@gmail.com"),))
REFUSED_RCPT = Refused(CLIENT, "RCPT TO:<eve@example.com>", NO_USER, "three", SUE, ())
REFUSED_MAIL = Refused(CLIENT, "MAIL FROM:<bad@far.example>", Status(553, "5.7.1", "No"))
DEFERRED = relayed("two", "dave@gmail.com", Fate.DEFERRED, GMAIL_SAID)


def rows(events: Sequence[Event], at: float = 0.0, apart: float = 0.0) -> list[Row]:
    """The rows of events that come within one batch, each `apart` seconds after the one before."""
    quick = QuickFacts()
    return rows_of(
        [quick.of(event, int((at + apart * number) * 1000)) for number, event in enumerate(events)]
    )


def make_trace(data: str, *events: Event, at: float = NOON) -> None:
    """Write events to the trace of a data folder, one a second, each in a batch of its own."""
    os.makedirs(data, exist_ok=True)
    with closing(TraceDatabase(database_path(data))) as database:
        for number, event in enumerate(events):
            database.add(rows([event], at + number))
