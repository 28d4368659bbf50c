"""Events, as frozen values, and the interface that takes them (IEventSink).

Each event is emitted once, by the code where it happens. Logs and counters read it; no other code
depends on it. `line` is for the operator: it has the text of the reply that the client or the other
host got, and the cause. Events with the same `key` are counted together. A key has only words from
small fixed sets, so that no client can make a process keep many keys.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple

from zope.interface import Interface

from mailhost.interfaces.authentication import Authentication
from mailhost.interfaces.count_reasons import known_mechanism, part_of_fault, reason_of_refusal
from mailhost.interfaces.verdict import Finding
from mailhost.message.address import Address
from mailhost.message.client import Client
from mailhost.message.envelope import Envelope, ForwardPath
from mailhost.message.outcome import Fate, Outcome
from mailhost.message.status import Status


class CountKey(NamedTuple):
    """The key that an event is counted under. `event` is its kind. `protocol` is that of the
    listener, empty if no client takes part. `result` is the result, empty if all events of this
    kind have the same. `reason` divides equal results further, for metrics."""

    event: str
    protocol: str = ""
    result: str = ""
    reason: str = ""


@lru_cache(1000)  # making a key takes longer than all other work of counting
def count_key(event: str, protocol: str = "", result: str = "", reason: str = "") -> CountKey:
    """Return a key; the same one for equal arguments."""
    return CountKey(event, protocol, result, reason)


@dataclass(frozen=True, slots=True)
class Event:
    """The base of all events. `serious` events are logged as warnings."""

    @property
    def line(self) -> str:
        """The line for the log."""
        raise NotImplementedError

    @property
    def key(self) -> CountKey:
        """The key that this event is counted under."""
        raise NotImplementedError

    @property
    def serious(self) -> bool:
        """True if an operator should read the line."""
        return False


UNKNOWN_NAME = "(unknown name, not logged since it may be a password)"


def _path(address: Address | None) -> str:
    return f"<{address}>" if address else "<>"


def _paths(addresses: Sequence[Address]) -> str:
    """The first five addresses, and the number of the others."""
    more = f" and {len(addresses) - 5} more" if len(addresses) > 5 else ""
    return ", ".join(map(_path, addresses[:5])) + more


def _cause(status: Status) -> str:
    return f"{status} [{status.cause}]" if status.cause else str(status)


def _class_of(status: Status) -> str:
    return f"{status.code // 100}xx"


@dataclass(frozen=True, slots=True)
class Received(Event):
    """A complete message arrived and is being handed over. It may still be refused. `subject` is
    empty unless the settings ask for it; it is not logged."""

    client: Client
    identity: str
    reverse_path: Address | None
    recipients: tuple[Address, ...]
    size: int
    message_id: str
    subject: str = ""

    @property
    def line(self) -> str:
        as_account = f" as {self.client.account}" if self.client.account else ""
        to = _paths(self.recipients)
        return (
            f"{self.identity} received from {_path(self.reverse_path)} to {to}, "
            f"{self.size} octets, Message-ID {self.message_id or 'none'}, "
            f"by {self.client.protocol} from {self.client}{as_account}"
        )

    @property
    def key(self) -> CountKey:
        return count_key("received", self.client.protocol)


@dataclass(frozen=True, slots=True)
class Refused(Event):
    """A command or another step of a client was refused. `what` names it, such as `RCPT <a@b>`.
    Within a transaction, `identity` is that of the message, `recipients` are those that were
    accepted so far, at most 100."""

    client: Client
    what: str
    status: Status
    identity: str = ""
    reverse_path: Address | None = None
    recipients: tuple[Address, ...] = ()

    @property
    def line(self) -> str:
        return f"refused {self.what} from {self.client}: {_cause(self.status)}"

    @property
    def key(self) -> CountKey:
        reason = reason_of_refusal(self.what, self.status)
        return count_key("refused", self.client.protocol, _class_of(self.status), reason)


@dataclass(frozen=True, slots=True)
class Filtered(Event):
    """A filter acted on mail, or would have acted in the mode "enforce". A refusal by a filter is a
    Refused event. `envelope` is the envelope so far, `recipient` the one that the filter was asked
    about, None for none."""

    client: Client
    identity: str
    finding: Finding
    envelope: Envelope | None = None
    recipient: ForwardPath | None = None

    @property
    def line(self) -> str:
        found = self.finding
        would = "would " if found.observed else ""
        about = self.identity or f"{self.client.protocol} from {self.client}"
        return f"{about} filter {found.filter}: {would}{found.decision}, {found.reason}"

    @property
    def key(self) -> CountKey:
        finding = self.finding
        would = "would " if finding.observed else ""
        return count_key("filtered", self.client.protocol, f"{would}{finding.decision}")


@dataclass(frozen=True, slots=True)
class Authenticated(Event):
    """The sender authentication of a message was examined. Emitted once for each message that a
    stranger sends, at the end of data, before the chain of filters has decided."""

    client: Client
    identity: str
    reverse_path: Address | None
    recipients: tuple[Address, ...]
    authentication: Authentication

    @property
    def line(self) -> str:
        return f"{self.identity} from {self.client}: {self.authentication.summary}"

    @property
    def key(self) -> CountKey:
        return count_key(
            "authenticated", self.client.protocol, f"dmarc {self.authentication.dmarc}"
        )


@dataclass(frozen=True, slots=True)
class Attempted(Event):
    """The outcome of one attempt for one recipient, of this host or of another. `through` are the
    aliases that led to a mailbox of this host; for another host, its recipient has them. `next_hop`
    is the domain whose MX hosts were tried, or the host of a route; empty for this host."""

    identity: str
    outcome: Outcome
    through: tuple[Address, ...] = ()
    next_hop: str = ""

    @property
    def line(self) -> str:
        outcome = self.outcome
        by = f" by {outcome.by}" if outcome.by else ""
        return (
            f"{self.identity} {outcome.fate} {_path(outcome.recipient.address)}{by}: "
            f"{_cause(outcome.status)}"
        )

    @property
    def serious(self) -> bool:
        return self.outcome.fate in (Fate.FAILED, Fate.DEFERRED)

    @property
    def key(self) -> CountKey:
        return count_key("attempted", "", str(self.outcome.fate))


@dataclass(frozen=True, slots=True)
class PassedOn(Event):
    """The server behind the proxy accepted a message. If that server refuses, there is a Refused
    event."""

    identity: str
    server: str
    status: Status

    @property
    def line(self) -> str:
        return f"{self.identity} passed on to {self.server}: {_cause(self.status)}"

    @property
    def key(self) -> CountKey:
        return count_key("passed on")


@dataclass(frozen=True, slots=True)
class Queued(Event):
    """A message waits in the queue for these recipients. If an operator has to release the message
    first, `held` is the reason, else it is empty."""

    identity: str
    reverse_path: Address | None
    recipients: tuple[Address, ...]
    held: str = ""

    @property
    def line(self) -> str:
        to = _paths(self.recipients)
        if not self.held:
            return f"{self.identity} queued for {to}"
        return f"{self.identity} quarantined, see `mailhost queue list`, for {to}: {self.held}"

    @property
    def key(self) -> CountKey:
        return count_key("queued", "", "quarantined" if self.held else "")


@dataclass(frozen=True, slots=True)
class Reported(Event):
    """This host wrote a bounce, delay warning or delivery report about the message `identity`.
    `own` is the identity of the report itself."""

    identity: str
    kind: str
    to: Address
    own: str = ""

    @property
    def line(self) -> str:
        return f"{self.identity} {self.kind} sent to {_path(self.to)}"

    @property
    def key(self) -> CountKey:
        return count_key("reported", "", self.kind)


@dataclass(frozen=True, slots=True)
class Parked(Event):
    """An entry of the queue that our code cannot process, and that waits for an operator."""

    identity: str
    reason: str

    @property
    def line(self) -> str:
        return f"{self.identity} parked, see `mailhost queue show {self.identity}`: {self.reason}"

    @property
    def serious(self) -> bool:
        return True

    @property
    def key(self) -> CountKey:
        return count_key("parked")


class Command(StrEnum):
    """The commands of an operator that change an entry of the queue."""

    RETRIED = "retried"
    HELD = "held"
    RELEASED = "released"
    REMOVED = "removed"
    BOUNCED = "bounced"  # removed, with a bounce to the sender


@dataclass(frozen=True, slots=True)
class Commanded(Event):
    """An operator changed an entry of the queue. `recipients` are those that it waits for."""

    identity: str
    command: Command
    recipients: tuple[Address, ...]

    @property
    def line(self) -> str:
        to = _paths(self.recipients)
        return f"{self.identity} {self.command} for {to} by a command of the operator"

    @property
    def key(self) -> CountKey:
        return count_key("commanded", "", str(self.command))


@dataclass(frozen=True, slots=True)
class Unsigned(Event):
    """Mail of an author domain leaves without a DKIM signature; emitted once a day for each
    domain. `identity` is the first such message."""

    identity: str
    domain: str
    reason: str

    @property
    def line(self) -> str:
        of = self.domain or "an unknown domain"
        return f"{self.identity} sent without a signature of {of}: {self.reason}"

    @property
    def serious(self) -> bool:
        return True

    @property
    def key(self) -> CountKey:
        return count_key("unsigned")


@dataclass(frozen=True, slots=True)
class LoggedIn(Event):
    """A client logged in to an account. `app_password` is the name of the app password that it
    used, empty for none."""

    client: Client
    account: Address
    mechanism: str
    app_password: str = ""

    @property
    def line(self) -> str:
        client = self.client
        used = f" with the app password {self.app_password!r}" if self.app_password else ""
        by = f"by {self.mechanism}{used}"
        return f"{self.account} logged in to {client.protocol} from {client} {by}"

    @property
    def key(self) -> CountKey:
        return count_key("logged in", self.client.protocol, self.mechanism)


@dataclass(frozen=True, slots=True)
class Identified(Event):
    """An IMAP client said which program it is (RFC 2971). `text` has what it said."""

    client: Client
    account: Address | None
    text: str

    @property
    def line(self) -> str:
        account = f" of {self.account}" if self.account else ""
        return f"{self.client.protocol} client {self.client}{account} is {self.text}"

    @property
    def key(self) -> CountKey:
        return count_key("identified", self.client.protocol)


@dataclass(frozen=True, slots=True)
class LoginRefused(Event):
    """A login failed. `failures` is the number of recent failures from this address. `username` is
    empty if it must not be logged, `mechanism` if it is not known."""

    client: Client
    username: str
    status: Status
    failures: int
    mechanism: str = ""

    @property
    def line(self) -> str:
        name = repr(self.username) if self.username else UNKNOWN_NAME
        return (
            f"login as {name} refused to {self.client} on {self.client.protocol}, "
            f"failure {self.failures} from this address: {_cause(self.status)}"
        )

    @property
    def serious(self) -> bool:
        return True

    @property
    def key(self) -> CountKey:
        result = _class_of(self.status)
        return count_key(
            "login refused", self.client.protocol, result, known_mechanism(self.mechanism)
        )


@dataclass(frozen=True, slots=True)
class Faulted(Event):
    """A fault of the host itself: a disk, a lock, a bug, a bad certificate."""

    where: str
    cause: str

    @property
    def line(self) -> str:
        return f"{self.where}: {self.cause}"

    @property
    def serious(self) -> bool:
        return True

    @property
    def key(self) -> CountKey:
        return count_key("faulted", reason=part_of_fault(self.where))


@dataclass(frozen=True, slots=True)
class Warned(Event):
    """Something that the operator should change: a doubtful setting, a certificate that ends soon.
    The host itself does as it was told, so this does not count as a fault."""

    where: str
    text: str

    @property
    def line(self) -> str:
        return f"{self.where}: {self.text}"

    @property
    def serious(self) -> bool:
        return True

    @property
    def key(self) -> CountKey:
        return count_key("warned")


@dataclass(frozen=True, slots=True)
class Diagnosed(Event):
    """A finding of the doctor about this host or its surroundings, such as DNS. `name` is the name
    of its fault."""

    name: str
    text: str

    @property
    def line(self) -> str:
        return f"{self.name}: {self.text}"

    @property
    def serious(self) -> bool:
        return True

    @property
    def key(self) -> CountKey:
        return count_key("diagnosed")


@dataclass(frozen=True, slots=True)
class Notice(Event):
    """Information for the operator that is no fault, such as a start or a reload."""

    text: str

    @property
    def line(self) -> str:
        return self.text

    @property
    def key(self) -> CountKey:
        return count_key("notice")


class IEventSink(Interface):
    """Takes events: a log, counters, or several of them."""

    def emit(event: Event) -> None:
        """Take note of `event`. Never raises, never waits."""
