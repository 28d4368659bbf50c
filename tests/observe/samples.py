"""An event of each kind, with the key that it is counted under."""

from __future__ import annotations

from mailhost.interfaces.authentication import Authentication
from mailhost.interfaces.events import (
    Attempted,
    Authenticated,
    Command,
    Commanded,
    Diagnosed,
    Event,
    Faulted,
    Filtered,
    Identified,
    LoggedIn,
    LoginRefused,
    Notice,
    Parked,
    PassedOn,
    Queued,
    Received,
    Refused,
    Reported,
    Unsigned,
    Warned,
)
from mailhost.interfaces.tls_sessions import AppliedPolicy, PolicyType, TLSSession
from mailhost.interfaces.verdict import Decision, Finding, Stage
from mailhost.interfaces.web import WebAnswered
from mailhost.message.client import Client
from mailhost.message.envelope import ForwardPath
from mailhost.message.outcome import Fate, Outcome
from mailhost.message.status import NO_STORAGE, OK, Status
from tests.fakes import address

ANN = address("ann@example.com")
CLIENT = Client("192.0.2.1", 1, "submission")
NO_USER = Status(550, "5.1.1", "no such user")


def attempted(fate: Fate) -> Attempted:
    return Attempted("one", Outcome(ForwardPath(ANN), fate, OK))


KEYS: list[tuple[Event, tuple[str, str, str, str]]] = [
    (Received(CLIENT, "one", ANN, (ANN,), 5, ""), ("received", "submission", "", "")),
    (Refused(CLIENT, "RCPT", NO_USER), ("refused", "submission", "5xx", "recipient")),
    (Refused(CLIENT, "message", NO_STORAGE), ("refused", "submission", "4xx", "storage")),
    *((attempted(fate), ("attempted", "", fate.value, "")) for fate in Fate),
    (
        Authenticated(CLIENT, "one", ANN, (ANN,), Authentication(dmarc="pass")),
        ("authenticated", "submission", "dmarc pass", ""),
    ),
    (Unsigned("one", "example.com", "no key"), ("unsigned", "", "", "")),
    (PassedOn("one", "127.0.0.1", OK), ("passed on", "", "", "")),
    (Queued("one", ANN, (ANN,)), ("queued", "", "", "")),
    (Queued("one", ANN, (ANN,), "odd"), ("queued", "", "quarantined", "")),
    (Reported("one", "bounce", ANN), ("reported", "", "bounce", "")),
    (Parked("one", "a bug"), ("parked", "", "", "")),
    (Commanded("one", Command.HELD, (ANN,)), ("commanded", "", "held", "")),
    (
        TLSSession("example.com", AppliedPolicy(PolicyType.STS, "example.com"), "mta-sts enforce"),
        ("tls session", "sts", "success", ""),
    ),
    (LoggedIn(CLIENT, ANN, "PLAIN"), ("logged in", "submission", "PLAIN", "")),
    (Identified(CLIENT, ANN, "name=phone"), ("identified", "submission", "", "")),
    (
        LoginRefused(CLIENT, "ann", NO_USER, 1, "PLAIN"),
        ("login refused", "submission", "5xx", "PLAIN"),
    ),
    (Faulted("disk", "full"), ("faulted", "", "", "other")),
    (
        TLSSession("example.org", AppliedPolicy(PolicyType.STS, "example.org"), "mta-sts enforce"),
        ("tls session", "sts", "success", ""),
    ),
    (Warned("settings", "doubtful"), ("warned", "", "", "")),
    (Diagnosed("doctor/no-domain", "failure: none"), ("diagnosed", "", "", "")),
    (
        WebAnswered("192.0.2.7", "https", "GET", "example.com/apple", 200),
        ("web answered", "https", "2xx", ""),
    ),
    (Notice("all is well"), ("notice", "", "", "")),
    (
        Filtered(CLIENT, "one", Finding("list", Stage.SENDER, Decision.TAG, "x")),
        ("filtered", "submission", "tag", ""),
    ),
    (
        Filtered(CLIENT, "one", Finding("list", Stage.SENDER, Decision.REJECT, "x", True)),
        ("filtered", "submission", "would reject", ""),
    ),
]
