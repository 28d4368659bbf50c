"""Puts the explanation of a question together, from the services of the host."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from twisted.internet.defer import Deferred, TimeoutError

from mailhost.config.endpoint import listening_address, parse_endpoint
from mailhost.config.endpoint_meant import twisted_form
from mailhost.config.model import Listen, Settings
from mailhost.config.protocol import ListenProtocol
from mailhost.explain.explanation import (
    Allowed,
    CannotExplain,
    ClientView,
    Exchange,
    Explanation,
    FilterView,
    ListenerView,
    Question,
    SigningView,
    WayView,
)
from mailhost.explain.filters import NoEffect, PreviewChain
from mailhost.explain.proxied import ServerBehind
from mailhost.explain.session import SessionRun, commands_of
from mailhost.explain.way import Way
from mailhost.interfaces.directory import IDirectory
from mailhost.interfaces.reactor import IReactor
from mailhost.interfaces.reception import IQuarantine, IReception
from mailhost.interfaces.signing import KeyState
from mailhost.interfaces.store import IMailStore
from mailhost.message.address import Address
from mailhost.message.client import Client
from mailhost.message.envelope import Envelope
from mailhost.message.status import Status
from mailhost.reception.context import ListenerContext
from mailhost.reception.filters.chain import Chain
from mailhost.reception.filters.reception import FilteredReception
from mailhost.reception.reception import Reception
from mailhost.relay.transport import RelayTransport
from mailhost.routing import Router
from mailhost.signing.key_ring import KeyRing
from mailhost.signing.rules import SigningRules
from mailhost.smtp.server.options import SessionOptions
from mailhost.smtp.server.session import Session

SESSION_LIMIT = 30.0  # seconds for all filters together
NO_ACCOUNT = "there is no such account"
NO_PASSWORD = "the account has no password, so no client can log in to it"


@dataclass(frozen=True, slots=True)
class ExplainServices:
    """The services of one generation of the settings. `why_no_login` returns the refusal of a
    client that may not try to log in now."""

    settings: Settings
    reactor: IReactor
    directory: IDirectory
    router: Router
    store: IMailStore
    quarantine: IQuarantine
    relay: RelayTransport
    signing_rules: SigningRules
    key_ring: KeyRing
    chains: Mapping[ListenProtocol, Chain]
    why_no_login: Callable[[Client], Status | None]


class Explainer:
    """Answers one question. `context` and `options` are those of the sessions at its listener;
    `context` is None for a proxy, where the server behind it decides."""

    def __init__(
        self, services: ExplainServices, context: ListenerContext | None, options: SessionOptions
    ) -> None:
        self._services = services
        self._context = context
        self._options = options

    async def explain(self, question: Question) -> Explanation:
        """Return the explanation. Raises CannotExplain."""
        services = self._services
        client = self._logged_in(question.client)
        question = replace(question, client=client)
        chain = services.chains.get(question.listen.protocol)
        preview = PreviewChain(chain) if chain else None
        session = await self._session(question, preview)
        sender, recipient = question.sender, question.recipient
        if preview is not None:
            sender, recipient = preview.edited(sender, recipient)
        way = WayView((), (), ())
        if self._context is not None:
            ways = Way(
                services.router,
                services.store,
                services.relay,
                services.reactor,
                self._context.pause,
            )
            envelope = Envelope(sender, size=question.size, tls=question.tls)
            way = await ways.of(services.directory.view, envelope, recipient)
        filters: tuple[FilterView, ...] = preview.views() if preview else ()
        return Explanation(
            ListenerView(
                client.protocol,
                question.listen.endpoint,
                listening_address(question.listen.endpoint),
                listener_rule(question.listen),
                self._options.message_size,
            ),
            self._client(question),
            self._relay(question),
            self._sender(question, sender),
            filters,
            session,
            str(recipient),
            way,
            self._signing(question, sender),
        )

    def _logged_in(self, client: Client) -> Client:
        """Return the client with the address of its account as the directory has it, as after a
        login."""
        if client.account is None:
            return client
        account = self._services.directory.view.account(client.account)
        return replace(client, account=account.address) if account else client

    async def _session(
        self, question: Question, preview: PreviewChain | None
    ) -> tuple[Exchange, ...]:
        run, client = SessionRun(), question.client
        reception: IReception = ServerBehind()
        if self._context is not None:
            reception = Reception(self._context)
        if preview is not None:
            quarantine = self._services.quarantine
            reception = FilteredReception(preview.chain, client, reception, quarantine)
        machine = Session(run.wire, client, reception, None, self._options, NoEffect())
        verb = "LHLO" if self._options.lmtp else "EHLO"
        commands = commands_of(
            f"{verb} {client.hello}",
            question.sender,
            question.recipient,
            question.size,
            question.tls,
        )
        running = Deferred.fromCoroutine(run.exchanges(machine, commands))
        try:
            return await running.addTimeout(SESSION_LIMIT, self._services.reactor)
        except TimeoutError as error:
            text = f"the filters gave no answer within {SESSION_LIMIT:g} seconds; see the log"
            raise CannotExplain(text) from error

    def _client(self, question: Question) -> ClientView:
        client = question.client
        encrypted, account = client.tls is not None, str(client.account or "")
        return ClientView(client.ip, client.hello, encrypted, account, self._why_no_login(client))

    def _why_no_login(self, client: Client) -> str:
        if client.account is None:
            return ""
        account = self._services.directory.view.account(client.account)
        if account is None:
            return NO_ACCOUNT
        if not account.has_password:
            return NO_PASSWORD
        return str(self._services.why_no_login(client) or "")

    def _relay(self, question: Question) -> Allowed:
        client = question.client
        if self._context is None:
            return Allowed(False, "the server behind the proxy decides")
        right = self._context.rules.right_to_relay(client)
        if right is None:
            reason = f"{client.ip} has not logged in, and is in none of relay.networks"
            return Allowed(False, reason)
        if self._context.stopped.refusal(client) is not None:
            remedy = f"find the reason, then run `mailhost doctor looked {client.ip}`"
            return Allowed(False, f"relaying is stopped for {client.ip}: {remedy}")
        if isinstance(right, Address):
            return Allowed(True, f"the client has logged in as {right}")
        return Allowed(True, f"the client's address is in {right} of relay.networks")

    def _sender(self, question: Question, sender: Address | None) -> Allowed:
        account = question.client.account
        if self._context is None:
            return Allowed(True, "the server behind the proxy decides")
        if sender is None:
            return Allowed(True, "the null reverse-path is that of bounces and other reports")
        if account is None:
            return Allowed(True, "the sender of a client without a login is left to the filters")
        if self._services.router.reaches(self._services.directory.view, sender, account):
            return Allowed(True, f"mail for {sender} reaches {account}")
        return Allowed(False, f"mail for {sender} does not reach {account}")

    def _signing(self, question: Question, sender: Address | None) -> SigningView:
        services = self._services
        author = sender or question.client.account
        domain = author.domain if author else services.settings.hostname
        if self._context is None:
            return SigningView(domain, reason="a proxy does not sign")
        if not self._context.rules.leaves_in_our_name(question.client):
            reason = "mail of clients without a login is not signed, but for relay.networks"
            return SigningView(domain, reason=reason)
        domain, why_not = services.signing_rules.choose(domain, services.directory.view)
        if why_not:
            return SigningView(domain, reason=why_not)
        keys = services.key_ring.keys(domain) or ()
        active = [pair.public.selector for pair in keys if pair.public.state is KeyState.ACTIVE]
        reason = "" if active else "the domain has no key in use; see mailhost dkim list"
        return SigningView(domain, tuple(active), reason)


def listener_rule(listen: Listen) -> str:
    """Return the rule of a listener for its clients, in a sentence."""
    protocol = listen.protocol
    if protocol.proxied:
        return f"passes mail on to {', '.join(listen.upstream)}, which decides"
    if protocol.needs_login:
        return "clients must log in before they send, and may send to all domains"
    if protocol is ListenProtocol.LMTP:
        return "takes mail for the domains of this host, with a reply for each recipient"
    return (
        "takes mail for the domains of this host from all clients, and for other domains from "
        "clients that have logged in or are in relay.networks"
    )


def choose_listener(settings: Settings, wanted: str, login: bool) -> Listen:
    """Return the listener that the operator means by a protocol, a port, an address with a port, or
    an endpoint; without one, the first for clients that log in (`login`), or the first for other
    servers.

    Raises CannotExplain.
    """
    taking = [listen for listen in settings.listen if listen.protocol.takes_mail]
    if wanted:
        found = [listen for listen in taking if _is_meant(listen, wanted)]
        if not found:
            named = [(each.protocol.value, listening_address(each.endpoint)) for each in taking]
            known = ", ".join(f"{protocol} ({address})" for protocol, address in named)
            text = f"no listener that takes mail is {wanted!r}; there are: {known or 'none'}"
            raise CannotExplain(text)
        return found[0]
    if not taking:
        raise CannotExplain("no listener of the settings takes mail")
    return min(taking, key=lambda listen: _unlikely(listen.protocol, login))


def _unlikely(protocol: ListenProtocol, login: bool) -> tuple[bool, bool]:
    """Return how unlikely it is that a client comes to such a listener; the least is the best."""
    return protocol.needs_login is not login, protocol is ListenProtocol.LMTP


def _is_meant(listen: Listen, wanted: str) -> bool:
    names = (listen.protocol.value, str(parse_endpoint(listen.endpoint).port))
    if wanted in (*names, listening_address(listen.endpoint)):
        return True
    return twisted_form(wanted) == listen.endpoint
