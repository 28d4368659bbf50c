"""Events: what happened, as frozen values, and the interface that takes them (IEventSink).

Each event is emitted once, where it happens. Logs and counters read it; an event never changes what
happens next. `line` is what the operator reads: the same as the reply that the other side got, and
the cause. `key` is what the event is counted under: words from small fixed sets alone, so that no
client can make a process keep many of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from zope.interface import Interface

from mailhost.interfaces.verdict import Finding
from mailhost.message.address import Address
from mailhost.message.client import Client
from mailhost.message.outcome import Fate, Outcome
from mailhost.message.status import Status


class CountKey(NamedTuple):
    """The key that an event is counted under. `event` is its kind; `protocol` the listener's, empty
    where no client takes part; `result` says how it ended, empty where that is plain."""

    event: str
    protocol: str = ""
    result: str = ""


@lru_cache(1000)  # making one takes longer than all else that counting needs
def _key(event: str, protocol: str = "", result: str = "") -> CountKey:
    return CountKey(event, protocol, result)


@dataclass(frozen=True, slots=True)
class Event:
    """Anything that is emitted. `serious` events are logged as warnings."""

    @property
    def line(self) -> str:
        """One line in plain language."""
        raise NotImplementedError

    @property
    def key(self) -> CountKey:
        """The key that this event is counted under."""
        raise NotImplementedError

    @property
    def serious(self) -> bool:
        """True where an operator should look."""
        return False


UNKNOWN_NAME = "(unknown name, not logged since it may be a password)"


def _path(address: Address | None) -> str:
    return f"<{address}>" if address else "<>"


def _paths(addresses: Sequence[Address]) -> str:
    """The first few, and how many more there are."""
    more = f" and {len(addresses) - 5} more" if len(addresses) > 5 else ""
    return ", ".join(map(_path, addresses[:5])) + more


def _cause(status: Status) -> str:
    return f"{status} [{status.cause}]" if status.cause else str(status)


def _class_of(status: Status) -> str:
    return f"{status.code // 100}xx"


@dataclass(frozen=True, slots=True)
class Received(Event):
    """A message came in whole and is being handed over. A refusal may still follow."""

    client: Client
    identity: str
    reverse_path: Address | None
    recipients: tuple[Address, ...]
    size: int
    message_id: str

    @property
    def line(self) -> str:
        who = f" as {self.client.account}" if self.client.account else ""
        to = _paths(self.recipients)
        return (
            f"{self.identity} received from {_path(self.reverse_path)} to {to}, "
            f"{self.size} octets, Message-ID {self.message_id or 'none'}, "
            f"by {self.client.protocol} from {self.client}{who}"
        )

    @property
    def key(self) -> CountKey:
        return _key("received", self.client.protocol)


@dataclass(frozen=True, slots=True)
class Refused(Event):
    """A client was refused something. `what` is the command or step, such as `RCPT <a@b>`."""

    client: Client
    what: str
    status: Status

    @property
    def line(self) -> str:
        return f"refused {self.what} from {self.client}: {_cause(self.status)}"

    @property
    def key(self) -> CountKey:
        return _key("refused", self.client.protocol, _class_of(self.status))


@dataclass(frozen=True, slots=True)
class Filtered(Event):
    """A filter acted on mail, or would have; what a filter refuses is a Refused event instead."""

    client: Client
    identity: str
    finding: Finding

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
        return _key("filtered", self.client.protocol, f"{would}{finding.decision}")


@dataclass(frozen=True, slots=True)
class Attempted(Event):
    """A recipient's fate after one attempt, here or elsewhere."""

    identity: str
    outcome: Outcome

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
        return _key("attempted", "", str(self.outcome.fate))


@dataclass(frozen=True, slots=True)
class PassedOn(Event):
    """The server behind the proxy took a message. Where it did not, the client was Refused."""

    identity: str
    server: str
    status: Status

    @property
    def line(self) -> str:
        return f"{self.identity} passed on to {self.server}: {_cause(self.status)}"

    @property
    def key(self) -> CountKey:
        return _key("passed on")


@dataclass(frozen=True, slots=True)
class Queued(Event):
    """A message waits in the queue for these recipients. `held` is why an operator has to look at
    the message first, empty where no operator has to."""

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
        return _key("queued", "", "quarantined" if self.held else "")


@dataclass(frozen=True, slots=True)
class Reported(Event):
    """A bounce, delay warning or delivery report of ours was written about `identity`."""

    identity: str
    kind: str
    to: Address

    @property
    def line(self) -> str:
        return f"{self.identity} {self.kind} sent to {_path(self.to)}"

    @property
    def key(self) -> CountKey:
        return _key("reported", "", self.kind)


@dataclass(frozen=True, slots=True)
class Parked(Event):
    """An entry of the queue that our own code cannot process: held until an operator looks."""

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
        return _key("parked")


@dataclass(frozen=True, slots=True)
class LoggedIn(Event):
    """A client proved to be an account. `app_password` is the name of the app password that it
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
        return _key("logged in", self.client.protocol, self.mechanism)


@dataclass(frozen=True, slots=True)
class LoginRefused(Event):
    """A login failed. `failures` counts the recent ones from this address. `username` is empty
    where it must not be shown."""

    client: Client
    username: str
    status: Status
    failures: int

    @property
    def line(self) -> str:
        who = repr(self.username) if self.username else UNKNOWN_NAME
        return (
            f"login as {who} refused to {self.client} on {self.client.protocol}, "
            f"failure {self.failures} from there lately: {_cause(self.status)}"
        )

    @property
    def serious(self) -> bool:
        return True

    @property
    def key(self) -> CountKey:
        return _key("login refused", self.client.protocol, _class_of(self.status))


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
        return _key("faulted")


@dataclass(frozen=True, slots=True)
class Notice(Event):
    """Something that the operator should read and that is no fault: a start, a reload."""

    text: str

    @property
    def line(self) -> str:
        return self.text

    @property
    def key(self) -> CountKey:
        return _key("notice")


class IEventSink(Interface):
    """Takes events: a log, counters, or several of them."""

    def emit(event: Event) -> None:
        """Take note of `event`. Never raises, never waits."""
