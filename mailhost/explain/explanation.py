"""A question about a message, and its explanation, as values that JSON can have."""

from __future__ import annotations

from dataclasses import dataclass

from mailhost.config.model import Listen
from mailhost.message.address import Address
from mailhost.message.client import Client
from mailhost.message.tls_demand import TLSDemand


class CannotExplain(Exception):
    """The question cannot be answered; the text of the exception has the reason and the remedy."""


@dataclass(frozen=True, slots=True)
class Question:
    """A message of `client` at the listener `listen`. `sender` is None for the null reverse-path,
    `size` the octets that the client announces, 0 for none. `tls` is the demand of the sender."""

    listen: Listen
    client: Client
    sender: Address | None
    recipient: Address
    size: int = 0
    tls: TLSDemand = TLSDemand.USUAL


@dataclass(frozen=True, slots=True)
class ListenerView:
    """A listener, and its rule for clients in a sentence. `endpoint` is that of the settings,
    `address` its form in `mailhost status`."""

    protocol: str
    endpoint: str
    address: str
    rule: str
    message_size: int


@dataclass(frozen=True, slots=True)
class ClientView:
    """The assumptions about the client.

    `login` is the reason why its login would be refused, empty if the login would succeed, or if
    the client does not log in.
    """

    ip: str
    hello: str
    tls: bool
    account: str
    login: str = ""


@dataclass(frozen=True, slots=True)
class Allowed:
    """Whether the client may do something, and the reason."""

    allowed: bool
    reason: str


@dataclass(frozen=True, slots=True)
class FilterView:
    """One filter at one stage. `answer` is a decision, or says that the filter is not asked; then
    `reason` says why. `mode` is `enforce` or `observe`."""

    stage: str
    name: str
    mode: str
    answer: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Exchange:
    """One command of the client, and the reply; the greeting has an empty command."""

    command: str
    reply: str


@dataclass(frozen=True, slots=True)
class StepView:
    """One step of the route: an address, the rule (a StepRule), the name under which the rule was
    found, and the addresses that it leads to."""

    address: str
    rule: str
    name: str
    targets: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class MailboxView:
    """A mailbox at the end of the route. `quota` is in octets, None for no limit; `fits` says
    whether the announced size fits in."""

    account: str
    quota: int | None
    fits: bool


@dataclass(frozen=True, slots=True)
class HostView:
    """A host of a next hop, by preference. `trouble` is why it cannot be tried, empty where it
    can. `tls` is the decision about TLS with the host, empty where a route decides about it."""

    name: str
    preference: int
    addresses: tuple[str, ...] = ()
    trouble: str = ""
    tls: str = ""


@dataclass(frozen=True, slots=True)
class NextHopView:
    """The next hop of an address of another host. `route` is `via` of a route of the settings,
    empty for MX hosts. `trouble` is why there is no host, empty where there are some. `tls` is the
    decision about TLS that holds for all hosts, empty if they differ; `policy` says whether the
    domain has a policy of MTA-STS, empty for a route."""

    address: str
    route: str
    port: int
    tls: str
    hosts: tuple[HostView, ...] = ()
    trouble: str = ""
    policy: str = ""


@dataclass(frozen=True, slots=True)
class WayView:
    """The route of the recipient. `result` is the refusal of the routing, empty for none; `more`
    counts steps and next hops that were left out."""

    steps: tuple[StepView, ...]
    mailboxes: tuple[MailboxView, ...]
    next_hops: tuple[NextHopView, ...]
    result: str = ""
    more: int = 0


@dataclass(frozen=True, slots=True)
class SigningView:
    """The domain that signs, and the selectors of its keys. `reason` is why the message leaves
    without a signature of this host, empty where it is signed."""

    domain: str
    selectors: tuple[str, ...] = ()
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Explanation:
    """The whole answer."""

    listener: ListenerView
    client: ClientView
    relay: Allowed
    sender: Allowed
    filters: tuple[FilterView, ...]
    session: tuple[Exchange, ...]
    recipient: str
    way: WayView
    signing: SigningView
