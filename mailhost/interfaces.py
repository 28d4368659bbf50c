"""Every seam of the host, as Interfaces: what goes over it, what it promises, what it raises.

`Answer[T]` is a T or an awaitable of one. A provider returns the plain value where it can: a
coroutine for each call would cost more than most calls.
"""

from __future__ import annotations

from collections.abc import Awaitable, Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias, TypeVar

from twisted.internet.interfaces import (
    IReactorCore,
    IReactorFromThreads,
    IReactorTCP,
    IReactorThreads,
    IReactorTime,
    IReactorUDP,
    IReactorUNIX,
)
from twisted.plugin import IPlugin
from zope.interface import Attribute, Interface

from mailhost.events import Event
from mailhost.message.accounts import DirectoryView
from mailhost.message.address import Address
from mailhost.message.changes import Change
from mailhost.message.client import Client, TLSState
from mailhost.message.content import Content
from mailhost.message.envelope import Envelope, ForwardPath
from mailhost.message.extensions import Extensions
from mailhost.message.outcome import Outcome
from mailhost.message.prepared import Prepared
from mailhost.message.status import Status
from mailhost.message.verdict import Finding, Mail, Stage, Verdict

T = TypeVar("T")
Answer: TypeAlias = T | Awaitable[T]


class IReactor(
    IReactorCore,
    IReactorTime,
    IReactorTCP,
    IReactorUDP,
    IReactorUNIX,
    IReactorThreads,
    IReactorFromThreads,
):
    """The reactor as the services that need all of it see it; most take IReactorTime alone."""


class IEventSink(Interface):
    """Takes reports of what happened."""

    def tell(event: Event) -> None:
        """Take note of `event`. Never raises, never waits."""


# --- taking mail -------------------------------------------------------------------------------


class IReception(Interface):
    """Answers an SMTP or LMTP session's questions: may this client in, and what may it send?"""

    def connected(client: Client) -> Answer[Status | None]:
        """None lets the client speak. A Status is its greeting and its farewell (RFC 5321 §3.1)."""

    def hello(client: Client) -> Answer[Extensions | Status | None]:
        """The client gave its name (`client.hello`). None accepts it, and so do Extensions, which
        say what it may ask for; a Status refuses."""

    def transaction(client: Client, envelope: Envelope) -> Answer[ITransaction | Status]:
        """MAIL FROM. `envelope` has no recipients yet. A Status refuses the sender."""

    def disconnected() -> None:
        """The connection is gone, its transaction abandoned. Nothing is called after it."""


class ITransaction(Interface):
    """One message on its way in: recipients, then content, then end; or abandon at any time.

    Exactly one of `end` and `abandon` is called, once.
    """

    identity: str = Attribute("What the message is called in the log.")
    opened: Status | None = Attribute("The answer to MAIL, None for the usual one.")

    def coming(paths: Sequence[ForwardPath]) -> None:
        """The client has sent RCPT TO for these already: `recipient` will be called for each, in
        this order, with nothing else in between. Whoever has to ask elsewhere may do so at once."""

    def recipient(path: ForwardPath) -> Answer[Status]:
        """RCPT TO. 2xx adds the recipient. Called again only after the answer."""

    def begin() -> Answer[ICollector | Status]:
        """Content is about to come, and goes into what is returned. A Status refuses, and content
        is not sent (DATA) or thrown away (BDAT)."""

    def end(content: Content) -> Answer[Sequence[Status]]:
        """The content is whole. Returns one Status; for LMTP one for each accepted recipient, in
        their order. 2xx means that the message is safe, whatever happens next."""

    def abandon() -> None:
        """Forget it: RSET, a lost connection, a refusal."""


class IFilterable(ITransaction):
    """A transaction whose end has two steps, so that filters can be asked between them.

    `end` does both. After `prepare`, one of `hand_on` and `abandon` must follow.
    """

    def prepare(content: Content) -> Answer[Prepared | Status]:
        """The content is whole. Return the completed message, or the refusal by the rules."""

    def hand_on(message: Prepared) -> Answer[Sequence[Status]]:
        """Take what `prepare` returned, its content perhaps edited, and answer as `end` does."""


class ICollector(Interface):
    """Takes the content of one message while it arrives."""

    def write(chunk: bytes) -> Answer[None]:
        """The next octets, dots unstuffed. No more are read before the answer.

        Never raises for a full disk: `finish` tells that.
        """

    def finish() -> Answer[Content | Status]:
        """All is there. Returns the content, or the refusal where it could not be kept."""


class FilterFailed(Exception):
    """A filter could not judge, as something it needs is not there; the words say what."""


class IFilter(Interface):
    """Looks at mail on its way in, and says what should become of it."""

    stages: Collection[Stage] = Attribute("When it wants to be asked.")

    def look(mail: Mail) -> Answer[Verdict]:
        """Return the verdict. Raises FilterFailed, and for bugs anything: the settings say whether
        mail passes then."""


class IFilterPlugin(IPlugin):
    """A Twisted plugin that makes filters, for `kind = "python"` in the settings."""

    name: str = Attribute("What `plugin` in the settings calls it.")

    def make_filter(**options: object) -> object:
        """Return an IFilter or an ISessionFilter. `options` are those of the settings."""


class ISessionFilter(Interface):
    """A filter that keeps something for as long as a client is connected."""

    stages: Collection[Stage] = Attribute("When it wants to be asked.")

    def visit(client: Client) -> IVisit:
        """A client connected."""


class IVisit(IFilter):
    """One client's part of an ISessionFilter."""

    def abandon() -> None:
        """What the client began with MAIL is over without a message, or another filter refused or
        dropped the message before this one was asked about it."""

    def leave() -> None:
        """The client is gone. Nothing is called after it."""


class ICounters(Interface):
    """Counts what filters did, for all processes together."""

    def add(filter: str, what: str) -> None:
        """`filter` did `what`. Never raises, never waits."""


class IRates(Interface):
    """Counts how often, for all processes together."""

    def take(key: str, limit: int, within: float) -> Answer[bool]:
        """Count one for `key`. False, and not counted, where there were `limit` of them within as
        many seconds, as far as they have not leaked away since."""


class IWitness(Interface):
    """Hears how messages ended."""

    def ended(mail: Mail, findings: Sequence[Finding], statuses: Sequence[Status]) -> None:
        """A message has its answer; `findings` are what the filters said. Never raises or waits."""


class IHandover(Interface):
    """Where responsibility is taken: content and envelope go to every destination, safely."""

    def take(envelope: Envelope, content: Content, identity: str) -> Awaitable[Sequence[Status]]:
        """Deliver or queue for each of `envelope.recipients`, and return a Status for each.

        2xx: safe, in a mailbox or in the queue, folder entry synced. 4xx, 5xx: not taken for this
        recipient. `identity` names the message in the log. Never raises.
        """

    def take_or_queue(envelope: Envelope, content: Content, identity: str) -> Awaitable[Status]:
        """As `take` for protocols with one answer: a recipient that cannot be served for now waits
        in the queue. 4xx only where nothing was taken for anybody, or where the disk filled up
        while it was: then twice is better than never."""


class IQuarantine(Interface):
    """Keeps messages that a filter quarantined."""

    def hold(envelope: Envelope, content: Content, identity: str, reason: str) -> Awaitable[Status]:
        """Keep the message for all destinations of its recipients, until an operator releases it
        for delivery. 250 once it is safe, 4xx where it could not be kept. Never raises."""


class Unfinished(Exception):
    """A bug stopped some recipients. `outcomes` are the others', and `bug` is what was raised."""

    def __init__(self, bug: Exception, outcomes: Sequence[Outcome]) -> None:
        super().__init__(repr(bug))
        self.bug = bug
        self.outcomes = outcomes


class ITransport(Interface):
    """Carries a message for some recipients: into a mailbox here, or to another host."""

    def deliver(
        envelope: Envelope,
        content: Content,
        recipients: Sequence[ForwardPath],
        identity: str,
        attempts: int = 0,
    ) -> Awaitable[Sequence[Outcome]]:
        """Return an Outcome for each of `recipients`, in their order.

        `envelope` carries the reverse-path and parameters; its own recipients are not looked at.
        `attempts` counts those made before.
        Raises only for bugs: Unfinished where some recipients have an outcome all the same.
        """


# --- who lives here ----------------------------------------------------------------------------


class DirectoryUnavailable(Exception):
    """The directory cannot be read now. Answer 4xx, never 'no such user'."""


class IDirectory(Interface):
    """Domains, accounts, aliases."""

    view: DirectoryView = Attribute("The newest view, read without waiting.")

    def refresh() -> Awaitable[DirectoryView]:
        """Look for changes made elsewhere and return the newest view.

        Asked before anybody is refused as unknown. Raises DirectoryUnavailable.
        """


@dataclass(frozen=True, slots=True)
class ScramKeys:
    """What SCRAM-SHA-256 needs to know of a password (RFC 5802 §3)."""

    salt: bytes
    iterations: int
    stored_key: bytes
    server_key: bytes


class IAuthenticator(Interface):
    """Says who may log in. Slows down and counts failures for each client address."""

    def mechanisms(client: Client) -> Sequence[str]:
        """SASL mechanisms to offer this client now; none where a password would be in the clear."""

    def password(
        client: Client, username: str, password: str, mechanism: str
    ) -> Awaitable[Address | Status]:
        """Return the account's address, or the refusal (535 5.7.8, 454 4.7.0, 421 4.7.0)."""

    def scram_keys(client: Client, username: str) -> Awaitable[ScramKeys | Status]:
        """Return the keys of an account; made-up but steady ones for an unknown name."""

    def scram_result(client: Client, username: str, proven: bool) -> Awaitable[Address | Status]:
        """The exchange ended: count it, and return the account or the refusal."""


class ILoginGuard(Interface):
    """Counts failed logins for all processes together, and slows them down.

    User names are as the client wrote them, empty where it has said none yet.
    """

    def begin(client: Client, username: str) -> Awaitable[Status | None]:
        """Ask before an attempt is judged. A Status refuses the attempt, and is logged already.
        After None, one of `failed`, `succeeded` and `undecided` must follow."""

    def failed(
        client: Client, username: str, status: Status, guessed: bool = True
    ) -> Awaitable[None]:
        """The attempt failed: log it, count it where it was a guess, and wait until the client may
        be answered."""

    def succeeded(client: Client, username: str) -> None:
        """The attempt succeeded: forgive the failures of its user."""

    def undecided(client: Client, username: str) -> None:
        """The attempt ended without a result, or goes on in another step."""


@dataclass(frozen=True, slots=True)
class Challenge:
    """The server's next words in a SASL exchange, before base64."""

    data: bytes


SASLStep: TypeAlias = Challenge | Address | Status


class ISASLMechanism(Interface):
    """One SASL exchange, server side (RFC 4422). Made new for each AUTH."""

    def respond(response: bytes | None) -> Answer[SASLStep]:
        """Take the client's response, decoded; None at first where it sent no initial response.

        Returns a Challenge to go on, the account's Address when proven, a Status when refused.
        """


class ILogins(Interface):
    """Judges the logins of one listener, by SASL."""

    def mechanisms(client: Client) -> Sequence[str]:
        """SASL mechanisms to offer this client now; none where a password would be in the clear."""

    def begin(name: str, client: Client) -> ISASLMechanism | None:
        """A new exchange, None for a mechanism that is not known or not for this client now."""


# --- where mail lies ---------------------------------------------------------------------------


class IMailStore(Interface):
    """Every account's mailboxes."""

    def inbox(account: Address) -> IMailbox:
        """The account's INBOX. Costs nothing; it need not exist on disk yet."""

    def mailbox(account: Address, folder: str) -> IMailbox:
        """A folder by its path with `/` between levels; `INBOX` is the inbox."""

    def room(account: Address, size: int, quota: int) -> Answer[bool]:
        """False where `size` octets more would exceed the account's quota, by the last count of
        its mail. Costs little, and reserves nothing: another message may come first."""


@dataclass(frozen=True, slots=True)
class StoredMessage:
    """One message in a mailbox.

    `unique` is steady for the message's life (UIDL); `path` is where it lay when listed; `size`
    is in octets as sent on the wire, lines ending in CRLF; `flags` are Maildir letters.
    """

    unique: str
    path: str
    size: int
    flags: str = ""
    crlf: bool = True


class IMailbox(Interface):
    """One folder of one account (Maildir++)."""

    def deliver(chunks: Sequence[Content], quota: int | None) -> Awaitable[Status]:
        """Add one message, made of `chunks` in a row, durably. 250 2.1.5, 452 4.2.2 (over quota),
        452 4.3.1 (disk full), 451 4.3.0 or 451 4.2.0 (cannot be written now)."""

    def messages() -> Awaitable[Sequence[StoredMessage]]:
        """List what is there, oldest first. Raises OSError."""

    def open(message: StoredMessage) -> Awaitable[Content]:
        """Return the message with CRLF line ends, wherever its file is by now.

        Raises FileNotFoundError where somebody removed it, OSError.
        """

    def remove(messages: Sequence[StoredMessage]) -> Awaitable[int]:
        """Remove these for good and return how many could not be. Gone already is removed."""

    def lock() -> Awaitable[ILock | None]:
        """Take the mailbox for one POP3 session, in all processes. None: somebody has it."""


class ILock(Interface):
    """A lock that is held until it is released, or the process dies."""

    def release() -> None:
        """Let go. Again does nothing."""


class ICommitter(Interface):
    """Makes changes to files durable, those of many callers together (group commit)."""

    def commit(changes: Sequence[Change]) -> Awaitable[Sequence[OSError | None]]:
        """Return one result for each change, None for a change that is safe on disk.

        A change that failed left nothing behind under its final name. Never raises.
        """


# --- the queue ---------------------------------------------------------------------------------


class IQueue(Interface):
    """Mail that waits for another attempt, durable."""

    def accept(
        envelope: Envelope,
        content: Content,
        identity: str,
        outcomes: Sequence[Outcome] = (),
        held: str = "",
    ) -> Awaitable[Status]:
        """Keep the message for `envelope.recipients` until each is settled. 250 2.0.0 once it is
        synced. `outcomes` are deferrals known already: they decide when it is tried first. `held`
        is why it is not tried before an operator has released it, empty for what is."""


class INotices(Interface):
    """Tells senders what became of their mail (RFC 3461, RFC 3464)."""

    def report(
        envelope: Envelope, content: Content, identity: str, outcomes: Sequence[Outcome]
    ) -> Awaitable[None]:
        """Report these outcomes to the reverse-path in one message, as far as it wants to hear of
        them: failures, deliveries, relays, expansions, delays. Never for `<>`. Does nothing where
        nothing is wanted. Returns when the report is safe; raises OSError where it could not be."""


# --- names -------------------------------------------------------------------------------------


class NoSuchDomain(Exception):
    """The name does not exist (NXDOMAIN). Asking again does not help."""


class NoPossibleHost(Exception):
    """The domain has MX records, and none has a name that a host can have; the words quote one."""


class ResolveFailed(Exception):
    """No answer, a broken answer or SERVFAIL: worth asking again later."""


@dataclass(frozen=True, slots=True)
class MXRecord:
    """`host` is `.` reduced to the empty string for a null MX (RFC 7505)."""

    preference: int
    host: str


class IResolver(Interface):
    """DNS with typed answers. Empty sequences mean: the name exists, such records do not."""

    def mx(domain: str) -> Awaitable[Sequence[MXRecord]]:
        """MX records in no order, CNAMEs followed; those with names that no host can have are left
        out. Raises NoSuchDomain, NoPossibleHost, ResolveFailed."""

    def ipv4(name: str) -> Awaitable[Sequence[str]]:
        """A records alone, as texts, CNAMEs followed. Raises NoSuchDomain, ResolveFailed."""

    def addresses(host: str) -> Awaitable[Sequence[str]]:
        """AAAA and A records as texts, CNAMEs followed. Raises NoSuchDomain, ResolveFailed."""


# --- keeping the wire in order -----------------------------------------------------------------


class IWire(Interface):
    """What a machine does to its connection. Nothing here raises because the peer is gone."""

    def write(data: bytes) -> None:
        """Send, together with all else that is written before the machine waits."""

    def stream(chunks: Iterator[bytes]) -> Awaitable[None]:
        """Send as fast as the peer takes it, chunk by chunk. Raises ConnectionLost, OSError."""

    def start_tls() -> None:
        """Send what was written, then shake hands. `IMachine.secured` is called afterwards."""

    def hang_up() -> None:
        """Send what was written, then close. No step is taken after it."""


class IMachine(Interface):
    """A server's side of a wire language without I/O: bytes in, replies out, one step at a time."""

    timeout: float = Attribute("Seconds of silence that are borne now.")

    def greet() -> Answer[None]:
        """The connection is there (with implicit TLS: the handshake is done)."""

    def receive(data: bytes) -> None:
        """Append what arrived."""

    def step() -> Answer[bool]:
        """Take one command or block from what arrived. False where more bytes are needed first.

        An awaitable answer: no step is taken and nothing is read until it is there.
        """

    def secured(tls: TLSState) -> None:
        """The handshake after `start_tls` is done. What came in the clear must be forgotten."""

    def timed_out() -> None:
        """The peer was silent too long: say farewell. The connection is closed then."""

    def failed() -> None:
        """A step raised: a bug, logged already. Say so; the connection is closed then."""

    def stopping() -> None:
        """The host stops: say farewell and hang up as soon as nothing is under way."""

    def lost(reason: str) -> None:
        """The connection is gone: free everything. Nothing is called after it."""
